//! Splits a reason into the resource that it names, its words, and its error codes.
//!
//! These forms nest and can be cut anywhere; what looks like none of them stays among the words:
//!
//! ```text
//! ResourceLogicalId:<id>, ResourceType:<type>, ResourceStatusReason:<text>.
//! Resource handler returned message: "<text>" (RequestToken: <id>, HandlerErrorCode: <code>)
//! <text> (Service: <s>; Status Code: <n>; Error Code: <code>; Request ID: <id>; Proxy: null)
//! <text> (Service: <s>, Status Code: <n>, Request ID: <id>) (SDK Attempt Count: <n>)
//! An error occurred (<code>) when calling the <operation> operation: <text>
//! <code>Exception: <text>
//! ```

use super::cause::Resource;
use super::mask::mask;

/// The parts of a reason.
pub(super) struct Structure {
    /// The resource that failed.
    pub(super) resource: Option<Resource>,
    /// The sentences: white space folded, typographic quotes made plain, no metadata.
    ///
    /// Begins with [`FROM_RESOURCE`] if the reason comes from a resource's handler or from a service.
    pub(super) words: String,
    /// Error codes of the service and of the handler, and `status:<n>`, each between spaces.
    pub(super) codes: String,
}

/// Marks words that come from a resource and not from StackSets itself; rules can ask for it.
pub(super) const FROM_RESOURCE: &str = "[resource] ";

const HANDLER: &str = "Resource handler returned message:";
const HANDLER_CODE: &str = "HandlerErrorCode:";

/// What a parenthesis with metadata begins with.
const METADATA: &[&str] = &[
    "Service:",
    "RequestToken:",
    "HandlerErrorCode:",
    "SDK Attempt Count:",
    "Status Code:",
    "Error Code:",
    "Request ID:",
    "RequestId:",
];

impl Structure {
    pub(super) fn of(text: &str) -> Self {
        let (resource, text) = split_resource(text);
        let (mut words, mut codes) = (String::with_capacity(text.len()), String::new());
        let mut from_resource = resource.is_some() || text.contains(HANDLER);
        let mut rest = text;
        while let Some((before, metadata, after)) = split_metadata(rest) {
            push_words(&mut words, before);
            push_space(&mut words);
            push_codes(&mut codes, metadata);
            // STS answers StackSets itself when a role cannot be assumed.
            from_resource |= value_of(metadata, "Service:")
                .is_some_and(|service| !service.contains("SecurityToken") && service != "Sts");
            rest = after;
        }
        push_words(&mut words, rest);
        push_codes_in_words(&mut codes, &words);
        if from_resource {
            words.insert_str(0, FROM_RESOURCE);
        }
        Self { resource, words, codes }
    }

    /// The words without ids, Regions and names, so that rules do not take `my-quota-topic` for a quota.
    pub(super) fn text_for_rules(&self) -> String {
        let masked = mask(&self.words);
        let mut text = String::with_capacity(masked.len());
        for token in masked.split(' ') {
            if let Some((before, arn)) = token.split_once("arn:aws:") {
                let service = arn.split(':').next().unwrap_or_default();
                text.extend([before, "arn:aws:", service]);
                text.extend(arn.chars().last().filter(|c| !c.is_alphanumeric()));
            } else if is_name(token) {
                // Quotes, brackets and stops around a name are part of the sentence.
                let name = token.trim_matches(|c: char| !c.is_alphanumeric());
                let (before, after) = token.split_once(name).unwrap_or_default();
                text.extend([before, "<name>", after]);
            } else {
                text.push_str(token);
            }
            text.push(' ');
        }
        text
    }

    /// Whether the code that failed is not AWS's own: that of a third party's resource type, module or macro.
    pub(super) fn is_of_an_extension(&self) -> bool {
        let words = self.words.to_ascii_lowercase();
        let of_type = |resource: &Resource| !resource.resource_type.starts_with("AWS::");
        self.resource.as_ref().is_some_and(of_type)
            || ["::module", "macro", "transform "].iter().any(|word| words.contains(word))
    }

    /// Whether the words are only quotes, punctuation and `null`.
    pub(super) fn is_wordless(&self) -> bool {
        let words = self.words.strip_prefix(FROM_RESOURCE).unwrap_or(&self.words);
        let bare = words.trim_matches(|c: char| !c.is_alphanumeric());
        bare.is_empty() || bare.eq_ignore_ascii_case("null") || bare.eq_ignore_ascii_case("none")
    }
}

/// Whether a token is a path or a name made of several parts.
fn is_name(token: &str) -> bool {
    let dashes = token.matches('-').count() - token.matches("log-stream>").count();
    token.contains('/') || dashes >= 2 || (dashes == 1 && token.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Splits off `ResourceLogicalId:X, ResourceType:Y, ResourceStatusReason:`.
fn split_resource(text: &str) -> (Option<Resource>, &str) {
    let Some(head) = text.trim_start().strip_prefix("ResourceLogicalId:") else {
        return (None, text);
    };
    let Some((logical_id, rest)) = head.split_once(',') else {
        return (None, text);
    };
    let Some(rest) = rest.trim_start().strip_prefix("ResourceType:") else {
        return (None, text);
    };
    let (resource_type, rest) = rest.split_once(',').unwrap_or((rest, ""));
    let rest = rest.trim_start();
    let reason = rest.strip_prefix("ResourceStatusReason:").unwrap_or(rest);
    let resource = Resource {
        logical_id: logical_id.trim().to_owned(),
        resource_type: resource_type.trim().trim_end_matches('.').to_owned(),
    };
    (Some(resource), reason)
}

/// Splits at the first metadata: what stands before it, the metadata, what stands after it.
fn split_metadata(text: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in text.match_indices(['(', 'H']) {
        let (before, from) = text.split_at_checked(at)?;
        let (metadata, after) = match from.strip_prefix('(') {
            Some(inside) if METADATA.iter().any(|key| inside.trim_start().starts_with(key)) => {
                // Unterminated metadata ends where the next begins, or with the text.
                let end = inside.find(['(', ')']).unwrap_or(inside.len());
                let (metadata, after) = inside.split_at_checked(end)?;
                (metadata, after.strip_prefix(')').unwrap_or(after))
            }
            Some(_) => continue,
            // The handler's code also comes without a parenthesis.
            None => match from.strip_prefix(HANDLER_CODE) {
                Some(rest) => {
                    let code = rest.trim_start();
                    let end = code.find(|c: char| !c.is_alphanumeric()).unwrap_or(code.len());
                    let after = code.get(end..)?;
                    from.split_at_checked(from.len() - after.len())?
                }
                None => continue,
            },
        };
        return Some((before, metadata, after));
    }
    None
}

/// The value of `key` in metadata: up to the next separator.
fn value_of<'a>(metadata: &'a str, key: &str) -> Option<&'a str> {
    let (_, value) = metadata.split_once(key)?;
    let end = value.find([',', ';', ')']).unwrap_or(value.len());
    value.get(..end).map(str::trim)
}

fn push_codes(codes: &mut String, metadata: &str) {
    for key in ["Error Code:", HANDLER_CODE] {
        if let Some(code) = value_of(metadata, key) {
            push_code(codes, code);
        }
    }
    if let Some(status) = value_of(metadata, "Status Code:") {
        codes.push_str(" status:");
        codes.push_str(status);
        codes.push(' ');
    }
}

/// Codes among the words, as SDKs print them.
fn push_codes_in_words(codes: &mut String, words: &str) {
    if let Some((before, _)) = words.split_once(") when calling")
        && let Some((_, code)) = before.rsplit_once('(')
    {
        push_code(codes, code);
    }
    for (i, token) in words.split_ascii_whitespace().enumerate() {
        let bare = token.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let code = bare.rsplit(['.', '$', '#']).next().unwrap_or(bare);
        let is_word = code.len() > 8 && code.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_code = ["Exception", "Fault", "Error"].iter().any(|end| code.ends_with(end));
        let leads = i == 0 && token.ends_with(':') && code.bytes().skip(1).any(|b| b.is_ascii_uppercase());
        if is_word && (is_code || leads) {
            push_code(codes, code);
        }
    }
}

fn push_code(codes: &mut String, code: &str) {
    codes.push(' ');
    codes.push_str(code);
    codes.push(' ');
}

fn push_space(words: &mut String) {
    if !words.ends_with(' ') {
        words.push(' ');
    }
}

/// Adds `text` with white space folded, typographic quotes made plain and the handler's phrase left out.
fn push_words(words: &mut String, text: &str) {
    for piece in text.split(HANDLER) {
        for c in piece.chars() {
            match c {
                c if c.is_whitespace() => push_space(words),
                '‘' | '’' | '`' => words.push('\''),
                '“' | '”' => words.push('"'),
                c => words.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String) {
        let structure = Structure::of(text);
        let codes: Vec<_> = structure.codes.split_whitespace().collect();
        (structure.words.trim().to_owned(), codes.join(" "))
    }

    #[test]
    fn resource_wrapping_is_removed() {
        let structure = Structure::of(
            "ResourceLogicalId:Role, ResourceType:AWS::IAM::Role, ResourceStatusReason:X already exists.",
        );
        let resource = structure.resource.unwrap();
        assert_eq!((&*resource.logical_id, &*resource.resource_type), ("Role", "AWS::IAM::Role"));
        assert_eq!(structure.words, "[resource] X already exists.");
        for odd in ["ResourceLogicalId:", "ResourceLogicalId:X", "ResourceLogicalId:X, Y"] {
            assert!(Structure::of(odd).resource.is_none(), "{odd}");
        }
        let cut = Structure::of("ResourceLogicalId:X, ResourceType:A::B::C").resource.unwrap();
        assert_eq!(cut.resource_type, "A::B::C");
    }

    #[test]
    fn handler_and_service_metadata_are_removed() {
        let new = "Resource handler returned message: \"Rate (Service: Ec2, Status Code: 400, Request ID: x, \
                   Extended Request ID: null) (SDK Attempt Count: 1)\" (RequestToken: y, HandlerErrorCode: Throttling).";
        assert_eq!(parts(new), ("[resource]  \"Rate \" .".into(), "status:400 Throttling".into()));
        let old = "Rate (Service: AmazonECS; Status Code: 400; Error Code: ThrottlingException; Request ID: z; Proxy: null)..";
        assert_eq!(parts(old), ("[resource] Rate ..".into(), "ThrottlingException status:400".into()));
    }

    #[test]
    fn cut_nested_and_chained_metadata_are_removed() {
        let unterminated = "No (Service: AWSKMS; Status Code: 400; Error Code: MalformedPolicyDocumentException;";
        assert_eq!(parts(unterminated).1, "MalformedPolicyDocumentException status:400");
        let runs_on = "No (Service: A; Error Code: B (RequestToken: c, HandlerErrorCode: D)";
        assert_eq!(parts(runs_on).1, "B D");
        let chained = "Resource handler returned message: \"Resource handler returned message: \"No \
                       (Service: A, Status Code: 409)\" (HandlerErrorCode: B)\" (RequestToken: x HandlerErrorCode: C)";
        assert_eq!(parts(chained).1, "status:409 B C");
        let bare = "\"No\" … HandlerErrorCode: NotFound. More";
        assert_eq!(parts(bare), ("\"No\" … . More".into(), "NotFound".into()));
        assert_eq!(parts("HandlerErrorCode:").1, "");
    }

    #[test]
    fn codes_in_the_text_are_found() {
        assert_eq!(
            parts("An error occurred (LimitExceeded) when calling the CreateRole operation: no").1,
            "LimitExceeded"
        );
        assert_eq!(parts("com.amazonaws.x.KMSInvalidStateException: no").1, "KMSInvalidStateException");
        assert_eq!(parts("OptInRequired: no").1, "OptInRequired");
        assert_eq!(parts("Resource: no (why)").1, "");
    }

    #[test]
    fn other_parentheses_stay_words() {
        assert_eq!(parts("The following resource(s) failed (really)").0, "The following resource(s) failed (really)");
        assert_eq!(parts("a\n\t b ’c’ “d”").0, "a b 'c' \"d\"");
    }

    #[test]
    fn wordless_texts_are_recognized() {
        for text in [
            "",
            " .",
            "null (Service: X; Status Code: 504)",
            "Resource handler returned message: \"null\" (HandlerErrorCode: X)",
        ] {
            assert!(Structure::of(text).is_wordless(), "{text}");
        }
        assert!(!Structure::of("No").is_wordless());
    }
}
