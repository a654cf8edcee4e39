//! Masks what differs between targets, so that rows with one problem fall into one group.
//!
//! Names of roles, policies, actions, services, types and logical ids, and error codes stay: they separate
//! problems from each other. Account ids, Regions, generated ids and times are masked.
//!
//! Masking twice changes nothing: the scanner tries its forms at the start of each word (a run of ASCII letters
//! and digits) only, every form ends where a word ends, and the brackets of a placeholder end words too. So
//! nothing fits in a masked text that did not fit before.

/// Masks account ids, Regions, ids, times and generated suffixes; masking twice changes nothing.
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    mask_into(&mut masked, text);
    masked
}

/// The same as [`mask`], appended to `masked`.
pub(crate) fn mask_into(masked: &mut String, text: &str) {
    let bytes = text.as_bytes();
    let (mut at, mut copied) = (0, 0);
    while let Some(here @ [first, ..]) = bytes.get(at..) {
        let form = if is_word(*first) || *first == b'-' { form_at(here) } else { None };
        match form {
            Some(form) => {
                masked.push_str(text.get(copied..at + form.kept).unwrap_or_default());
                masked.push_str(form.placeholder);
                at += form.len;
                copied = at;
            }
            // Nothing can start inside the word.
            None => at += word_len(here).max(1),
        }
    }
    masked.push_str(text.get(copied..).unwrap_or_default());
}

/// A form found: its length, how much of its beginning is kept, and what stands for the rest.
struct Form {
    len: usize,
    kept: usize,
    placeholder: &'static str,
}

impl Form {
    fn whole(len: usize, placeholder: &'static str) -> Self {
        Self { len, kept: 0, placeholder }
    }
}

/// The form that `text` begins with.
fn form_at(text: &[u8]) -> Option<Form> {
    if let Some(rest) = text.strip_prefix(b"-") {
        let len = word_len(rest);
        let generated = matches!(len, 12 | 13) && is_generated(rest.get(..len)?) && ends_word(rest, len);
        return generated.then_some(Form { len: len + 1, kept: 1, placeholder: "<suffix>" });
    }
    let whole = |len: Option<usize>, placeholder| {
        len.filter(|&len| ends_word(text, len)).map(|len| Form::whole(len, placeholder))
    };
    labelled(text)
        .or_else(|| partition(text))
        .or_else(|| whole(uuid(text), "<uuid>"))
        .or_else(|| whole(log_stream(text), "<log-stream>"))
        .or_else(|| whole(time(text), "<time>"))
        .or_else(|| whole(ip(text), "<ip>"))
        .or_else(|| whole(region(text), "<region>"))
        .or_else(|| word(text))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn word_len(text: &[u8]) -> usize {
    text.iter().take_while(|&&byte| is_word(byte)).count()
}

/// Whether a word can end at `len`. In front of a placeholder it does not: half of it would be masked already.
fn ends_word(text: &[u8], len: usize) -> bool {
    text.get(len).is_none_or(|&byte| !is_word(byte) && byte != b'<')
}

/// The length of `shape` if the text begins with it: `d` a digit, `h` a hexadecimal digit, `w` a letter.
fn shape(text: &[u8], shape: &str) -> Option<usize> {
    let fits = |(&byte, sign): (&u8, u8)| match sign {
        b'd' => byte.is_ascii_digit(),
        b'h' => byte.is_ascii_hexdigit(),
        b'w' => byte.is_ascii_alphabetic(),
        sign => byte == sign,
    };
    (text.len() >= shape.len() && text.iter().zip(shape.bytes()).all(fits)).then_some(shape.len())
}

/// How many bytes from `at` on satisfy `wanted`.
fn run(text: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|&&byte| wanted(byte)).count()
}

/// `Request ID: <anything>` and similar labels, whatever the value looks like.
fn labelled(text: &[u8]) -> Option<Form> {
    const LABELS: &[(&str, &str)] = &[
        ("request id:", "<id>"),
        ("requestid:", "<id>"),
        ("request-id:", "<id>"),
        ("requesttoken:", "<id>"),
        ("request token:", "<id>"),
        ("hostid:", "<id>"),
        ("host id:", "<id>"),
        ("encoded authorization failure message:", "<id>"),
        ("sdk attempt count:", "<n>"),
    ];
    let has = |label: &str| text.get(..label.len()).is_some_and(|text| text.eq_ignore_ascii_case(label.as_bytes()));
    let (label, placeholder) = LABELS.iter().find(|(label, _)| has(label))?;
    let kept = label.len() + run(text, label.len(), |byte| byte == b' ');
    let value = run(text, kept, |byte| !byte.is_ascii_whitespace() && !b",;)]}.\"'".contains(&byte));
    (value > 0).then_some(Form { len: kept + value, kept, placeholder })
}

/// `arn:aws-cn:` -> `arn:aws:`; account and Region of an ARN are masked like any other.
fn partition(text: &[u8]) -> Option<Form> {
    let prefix = starts_with(text, "arn:aws")?;
    let tail = run(text, prefix, |byte| byte.is_ascii_lowercase() || byte == b'-');
    (text.get(prefix) == Some(&b'-') && text.get(prefix + tail) == Some(&b':')).then_some(Form {
        len: prefix + tail,
        kept: prefix,
        placeholder: "",
    })
}

/// A UUID, or the beginning of one that a length limit cut.
fn uuid(text: &[u8]) -> Option<usize> {
    let mut len = shape(text, "hhhhhhhh-hhhh")?;
    for group in ["-hhhh", "-hhhh"] {
        match shape(text.get(len..)?, group) {
            Some(more) => len += more,
            None => return cut_uuid(text, len),
        }
    }
    let tail = match text.get(len) {
        Some(b'-') => run(text, len + 1, |byte| byte.is_ascii_hexdigit()),
        _ => 0,
    };
    let whole = len + 1 + tail;
    if (1..=12).contains(&tail) && ends_word(text, whole) { Some(whole) } else { Some(len) }
}

/// A UUID that a length limit cut, after a whole group or within the next one.
fn cut_uuid(text: &[u8], len: usize) -> Option<usize> {
    if !ends_word(text, len) || !has_digit(text, 8) {
        return None;
    }
    let Some(behind) = text.get(len..).and_then(|rest| rest.strip_prefix(b"-")) else {
        return Some(len);
    };
    // A placeholder stands for a number here, so this is no UUID.
    if behind.starts_with(b"<") {
        return None;
    }
    let rest = run(behind, 0, |byte| byte.is_ascii_hexdigit());
    Some(if (1..=3).contains(&rest) && ends_word(behind, rest) { len + 1 + rest } else { len })
}

fn has_digit(text: &[u8], within: usize) -> bool {
    text.iter().take(within).any(u8::is_ascii_digit)
}

/// `2022/06/17/[$LATEST]128be64879a64b03a1bb02f4e84f679f`, also with a function's name before the bracket.
fn log_stream(text: &[u8]) -> Option<usize> {
    let date = shape(text, "dddd/dd/dd/")?;
    let name = run(text, date, |byte| is_word(byte) || b"-_.".contains(&byte));
    let open = date + name;
    let version = run(text, open + 1, |byte| is_word(byte) || b"$-_".contains(&byte));
    let close = open + 1 + version;
    if text.get(open) != Some(&b'[') || text.get(close) != Some(&b']') || close > 200 {
        return None;
    }
    let id = run(text, close + 1, is_word);
    (id > 0).then_some(close + 1 + id)
}

/// `2022-06-17T10:11:12.123Z` and the like, `20220617T101112Z`, `Tue Jun 17 10:11:12 UTC 2022`, `10:11:12`.
///
/// A date alone stays: it is the version of a policy language or of a transform.
fn time(text: &[u8]) -> Option<usize> {
    let date = shape(text, "dddd-dd-ddTdd:dd").or_else(|| shape(text, "dddd-dd-dd dd:dd"));
    if let Some(date) = date {
        let seconds = shape(text.get(date..)?, ":dd").unwrap_or(0);
        return Some(zone(text, fraction(text, date + seconds)));
    }
    if let Some(java) = shape(text, "www www dd dd:dd:dd www dddd") {
        return Some(java);
    }
    if let Some(compact) = shape(text, "ddddddddTddddddZ") {
        return Some(compact);
    }
    let clock = shape(text, "dd:dd:dd")?;
    Some(zone(text, fraction(text, clock)))
}

fn fraction(text: &[u8], at: usize) -> usize {
    let digits = match text.get(at) {
        Some(b'.' | b',') => run(text, at + 1, |byte| byte.is_ascii_digit()),
        _ => 0,
    };
    let end = at + 1 + digits;
    let closed = text.get(end).is_none_or(|&byte| !is_word(byte) || byte == b'Z');
    if digits > 0 && closed { end } else { at }
}

fn zone(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let forms = ["Z", "+dd:dd", "-dd:dd", "+dddd", "-dddd"];
    let zone = forms.iter().filter_map(|form| shape(rest, form)).find(|&len| ends_word(rest, len));
    at + zone.unwrap_or(0)
}

/// An IPv4 address, or an IPv6 address that begins with four hexadecimal digits.
fn ip(text: &[u8]) -> Option<usize> {
    let mut len = 0;
    for group in 0..4 {
        let digits = run(text, len, |byte| byte.is_ascii_digit());
        let dot = usize::from(group < 3);
        if !(1..=3).contains(&digits) || (dot == 1 && text.get(len + digits) != Some(&b'.')) {
            return ip6(text);
        }
        len += digits + dot;
    }
    Some(len)
}

fn ip6(text: &[u8]) -> Option<usize> {
    shape(text, "hhhh:")?;
    let len = run(text.get(..46).unwrap_or(text), 0, |byte| byte.is_ascii_hexdigit() || byte == b':');
    let address = text.get(..len)?;
    let colons = address.iter().filter(|&&byte| byte == b':').count();
    let shortened = address.windows(2).any(|pair| pair == b"::");
    (has_digit(text, 4) && (colons == 7 || shortened) && address.last() != Some(&b':')).then_some(len)
}

/// A Region or Availability Zone of any partition: `us-east-1`, `us-gov-west-1`, `ap-southeast-7b`, `use1-az4`.
fn region(text: &[u8]) -> Option<usize> {
    const DIRECTIONS: &[&str] =
        &["northeast", "northwest", "southeast", "southwest", "central", "north", "south", "east", "west"];
    if let Some(zone_id) = shape(text, "wwwd-azd") {
        return Some(zone_id);
    }
    let mut len = shape(text, "ww-").filter(|_| text.iter().take(2).all(u8::is_ascii_lowercase))?;
    let rest = text.get(len..)?;
    if let Some(iso) = shape(rest, "gov-").or_else(|| shape(rest, "iso-")).or_else(|| shape(rest, "isow-")) {
        len += iso;
    }
    let rest = text.get(len..)?;
    len += DIRECTIONS.iter().find_map(|direction| starts_with(rest, direction))?;
    len += shape(text.get(len..)?, "-d")?;
    len += run(text, len, |byte| byte.is_ascii_digit()).min(1);
    len += run(text, len, |byte| byte.is_ascii_lowercase()).min(1);
    Some(len)
}

fn starts_with(text: &[u8], wanted: &str) -> Option<usize> {
    text.starts_with(wanted.as_bytes()).then_some(wanted.len())
}

/// Ids of one word: accounts, also at the end of a word, numbers, hexadecimal ids and principals.
fn word(text: &[u8]) -> Option<Form> {
    let len = word_len(text);
    let word = text.get(..len).filter(|_| ends_word(text, len))?;
    let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    // Inside a longer word only an account is masked: a logical id may end in some digits.
    if (digits >= 6 && digits == len) || (digits == 12 && !word.iter().all(u8::is_ascii_hexdigit)) {
        let placeholder = if digits == 12 { "<account>" } else { "<n>" };
        return Some(Form { len, kept: len - digits, placeholder });
    }
    let hexadecimal = matches!(len, 16 | 17 | 32)
        && word.iter().all(u8::is_ascii_hexdigit)
        && word.iter().any(u8::is_ascii_digit)
        && !word.iter().any(u8::is_ascii_uppercase);
    let principal = len >= 16
        && ["AROA", "AIDA", "AKIA", "ASIA", "ANPA", "AGPA"].iter().any(|kind| word.starts_with(kind.as_bytes()))
        && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (hexadecimal || principal).then_some(Form::whole(len, "<id>"))
}

/// Whether CloudFormation generated the word behind a dash, rather than a person chose it.
///
/// There are three kinds: `1M8F2ZHBM59NZ`, its lower case for buckets, and the newer `abcDEF123456`.
fn is_generated(word: &[u8]) -> bool {
    let (mut upper, mut lower, mut digits) = (0_usize, 0_usize, 0_usize);
    let (mut lower_run, mut longest_lower, mut changes, mut digits_inside) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut last = None;
    for byte in word {
        let kind = if byte.is_ascii_digit() {
            digits += 1;
            'd'
        } else if byte.is_ascii_uppercase() {
            upper += 1;
            'u'
        } else {
            lower += 1;
            'l'
        };
        lower_run = if kind == 'l' { lower_run + 1 } else { 0 };
        longest_lower = longest_lower.max(lower_run);
        if last.is_some_and(|last| last != kind) {
            changes += 1;
            digits_inside += usize::from(last == Some('d'));
        }
        last = Some(kind);
    }
    match (word.len(), upper > 0, lower > 0) {
        (12 | 13, true, false) => digits_inside >= 1 && digits >= 2,
        (12 | 13, false, true) => digits_inside >= 2 || (digits_inside >= 1 && digits >= 4),
        // Names that people choose contain a word: a longer run of lower-case letters.
        (12, true, true) if digits > 0 => longest_lower <= 3 || (changes >= 7 && longest_lower <= 4),
        (12, true, true) => longest_lower <= 2 && changes >= 6,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    /// Each masks to its other half, and the other half to itself.
    fn masks(pairs: &[(&str, &str)]) {
        for (text, wanted) in pairs {
            assert_eq!(mask(text), *wanted, "{text}");
            assert_eq!(mask(wanted), *wanted, "not idempotent: {wanted}");
        }
    }

    /// Found by the fuzzer: a number behind what looks like the first groups of a UUID.
    #[test]
    fn a_placeholder_completes_no_uuid() {
        masks(&[("ac772222-0776-122222", "ac772222-0776-<n>")]);
    }

    #[test]
    fn accounts_and_numbers() {
        masks(&[
            ("Account 123456789012 should have 'A' role", "Account <account> should have 'A' role"),
            ("account:123456789012.", "account:<account>."),
            ("cdk-assets-123456789012-eu-west-2", "cdk-assets-<account>-<region>"),
            ("bucket123456789012", "bucket<account>"),
            ("tf-acc-test-7055553958409005411-Execution", "tf-acc-test-<n>-Execution"),
            ("1234567890", "<n>"),
            ("port 65535, 400, 12345", "port 65535, 400, 12345"),
            ("x1234567y Role1234567", "x1234567y Role1234567"),
        ]);
    }

    #[test]
    fn arns_keep_what_separates_problems() {
        masks(&[
            ("arn:aws-cn:iam::123456789012:role/MyRole", "arn:aws:iam::<account>:role/MyRole"),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:AWSCloudFormationStackSetAccountGate",
                "arn:aws:lambda:<region>:<account>:function:AWSCloudFormationStackSetAccountGate",
            ),
            ("arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/AdministratorAccess"),
            (
                "assumed-role/stacksets-exec-49150fde14d44b6ce1a964ba67e522aa/2fe0a0cb-0dba-42d1-9e63-3351e5b5b644",
                "assumed-role/stacksets-exec-<id>/<uuid>",
            ),
            (
                "stack/StackSet-superwerker-backup-324d42ae-0357-4592-bb13-1372ad5a0664/*",
                "stack/StackSet-superwerker-backup-<uuid>/*",
            ),
            ("loadbalancer/app/web/50dc6c495c0c9188", "loadbalancer/app/web/<id>"),
        ]);
    }

    #[test]
    fn regions_and_zones() {
        masks(&[
            ("in us-east-1 and us-gov-west-1, cn-northwest-1", "in <region> and <region>, <region>"),
            ("ap-southeast-7b us-iso-east-1 us-isob-west-1 eu-isoe-west-1", "<region> <region> <region> <region>"),
            ("sns.mx-central-1.amazonaws.com use1-az4", "sns.<region>.amazonaws.com <region>"),
            ("aus-east-1 us-east-12c us-east-1-x", "aus-east-1 <region> <region>-x"),
            ("us-east-1bc US-EAST-1 xx-xxxxx-xx us- east-1", "us-east-1bc US-EAST-1 xx-xxxxx-xx us- east-1"),
        ]);
    }

    #[test]
    fn ids_of_requests_and_things() {
        masks(&[
            ("(RequestToken: 4a4bb1d6-b051-032f-dd12-5951d7b4d2a9, X)", "(RequestToken: <id>, X)"),
            (
                "Request ID: F7F21CXMPL580224; S3 Extended Request ID: egd/F+bM=).",
                "Request ID: <id>; S3 Extended Request ID: <id>).",
            ),
            ("RequestId:abc requestId: d.", "RequestId:<id> requestId: <id>."),
            ("(Request ID: ) RequestToken: ..., x", "(Request ID: ) RequestToken: ..., x"),
            ("(SDK Attempt Count: 2)", "(SDK Attempt Count: <n>)"),
            ("8f083a20-2c23-11ea-a185-0a6046b66d41", "<uuid>"),
            ("StackSet-X-8f083a20-2c23-11ea-Role", "StackSet-X-<uuid>-Role"),
            ("sg-0270b9c66a92bdeff AROAEXAMPLEEXAMPLE12:x", "sg-<id> <id>:x"),
        ]);
    }

    #[test]
    fn times_and_addresses() {
        masks(&[
            ("at 2022-06-17T10:11:12.123Z, 2022-06-17 10:11:12+02:00.", "at <time>, <time>."),
            ("Sat Feb 23 03:07:45 UTC 2019; 20220617T101112Z; 10:11:12", "<time>; <time>; <time>"),
            ("Version 2012-10-17, AWS::Serverless-2016-10-31", "Version 2012-10-17, AWS::Serverless-2016-10-31"),
            ("2022/06/17/[$LATEST]128be64879a64b03a1bb02f4e84f679f (x", "<log-stream> (x"),
            ("2022/06/17/my-fn[12]128be64879a64b03a1bb02f4e84f679f", "<log-stream>"),
            ("44.216.186.86] 10.0.0.0/16 fe80::1 2001:db8::8a2e:370:7334", "<ip>] <ip>/16 <ip> <ip>"),
        ]);
    }

    #[test]
    fn generated_suffixes() {
        masks(&[
            ("limitmonitor-LimitMonitorRole-1M8F2ZHBM59NZ with", "limitmonitor-LimitMonitorRole-<suffix> with"),
            ("MyStack-MyRole-abcDEF123456", "MyStack-MyRole-<suffix>"),
            ("iantest-CustomResource-GeGYyD40GciG\"}", "iantest-CustomResource-<suffix>\"}"),
            ("aws-config-bucket-configbucket-lr7n5zsxk0yz,", "aws-config-bucket-configbucket-<suffix>,"),
        ]);
    }

    #[test]
    fn names_that_people_chose_stay() {
        for name in [
            "x-MyFunctionV2",
            "x-EC2Instance1",
            "x-S3BucketRole",
            "x-PRODUCTION01",
            "x-DistributionA",
            "x-web2frontend1",
            "x-configbucket",
            "AWSServiceRoleForEC2Spot",
            "ConfigDeliveryChannel",
            "aws-controltower-NotificationForwarder",
            "AWSControlTowerExecution",
            "x-LambdaRole12",
        ] {
            assert_eq!(mask(name), name);
        }
    }

    #[test]
    fn nothing_fits_the_second_time_that_did_not_the_first() {
        for text in [
            "123456us-east-1",
            "us-east-1-1M8F2ZHBM59NZ",
            "-1M8F2ZHBM59NZ123456789012",
            "1.2.3.4.5.6.7.8",
            "10:11:12:13:14:15",
            "<account>us-east-1",
            "8f083a20-2c23-11ea-a185-0a6046b66d41aa",
            "us-east-1<n>",
            "Request ID: Request ID: x",
            "RequestId: <id>us-east-1",
            "2022-06-17T10:11:12.123abc",
        ] {
            let once = mask(text);
            assert_eq!(mask(&once), once, "{text}");
        }
    }
}
