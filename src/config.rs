//! Every setting, its default and its limits; the only reader of the environment.

mod sdk_settings;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::Error;
use crate::operation::CallAs;
use crate::render::HttpsBody;
use crate::report::ExpectGate;

pub use sdk_settings::SdkSettings;

/// When a report is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyOn {
    /// Only when something needs a person: `NOTIFY_ON=problems`, the default.
    Problems,
    /// The same, but not when all that is wrong is what failed last time too: `NOTIFY_ON=changes`.
    Changes,
    /// After every operation: `NOTIFY_ON=always`.
    Always,
}

/// In which capacity stack sets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallAsSetting {
    /// Decided per event from the account in the stack set's ARN: `CALL_AS=auto`, the default.
    Auto,
    /// Always the same: `CALL_AS=SELF` or `CALL_AS=DELEGATED_ADMIN`.
    Fixed(CallAs),
}

/// How a sweep reports what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepMode {
    /// One message for each operation: `SWEEP_MODE=each`, the default.
    Each,
    /// One message for the sweep: `SWEEP_MODE=digest`.
    Digest,
}

/// What a sweep looks at, and how it reports it.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// One message or many (`SWEEP_MODE`).
    pub mode: SweepMode,
    /// Operations that ended within this time before the schedule fell due are looked at
    /// (`SWEEP_LOOKBACK_HOURS`).
    pub lookback: Duration,
    /// An operation that takes longer is stuck (`STUCK_AFTER_HOURS`); `None` to report none.
    pub stuck_after: Option<Duration>,
    /// Stack sets read at the same time (`SWEEP_CONCURRENCY`).
    pub concurrency: usize,
    /// Account that owns the stack sets which a delegated administrator sees
    /// (`MANAGEMENT_ACCOUNT_ID`); the list of stack sets does not name it.
    pub management_account: Option<String>,
    /// Stack sets looked at, by name; `*` stands for any text (`STACK_SET_NAME_PATTERN`).
    pub name_pattern: String,
}

/// Which results are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadResults {
    /// Successes are left out where CloudFormation counts them and there are many: `READ_RESULTS=auto`, the default.
    Auto,
    /// All: `READ_RESULTS=all`.
    All,
}

/// How an operation is read, and what its report has.
#[derive(Debug, Clone)]
pub struct ReportSettings {
    /// Capacity in which stack sets are read (`CALL_AS`).
    pub call_as: CallAsSetting,
    /// Which results are read (`READ_RESULTS`).
    pub read_results: ReadResults,
    /// Whether account gates are in use (`EXPECT_ACCOUNT_GATE`).
    pub expect_gate: ExpectGate,
    /// Whether accounts and organizational units are looked up in AWS Organizations (`ACCOUNT_NAMES`).
    pub account_names: bool,
    /// Role in the target accounts that lets the function read the events of their stacks (`MEMBER_ROLE_NAME`); `None`
    /// to read none.
    pub member_role_name: Option<String>,
    /// Longest time spent on waiting for results to settle (`SETTLE_TIMEOUT_SECONDS`).
    pub settle_timeout: Duration,
}

/// The settings of one deployment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Topic that gets the reports (`TOPIC_ARN`).
    pub topic: Topic,
    /// How an operation is read, and what its report has.
    pub report: ReportSettings,
    /// Which reports are published (`NOTIFY_ON`).
    pub notify_on: NotifyOn,
    /// What subscribers by HTTPS get (`HTTPS_BODY`).
    pub https_body: HttpsBody,
    /// DynamoDB table of what was reported already (`LEDGER_TABLE`). Without one, an event that comes
    /// twice is reported twice, and there is no sweep.
    pub ledger_table: Option<String>,
    /// Whether a schedule invokes the function (`SWEEP_ENABLED`): the sweep then reports what another
    /// invocation left behind, and an event that finds its operation in progress need not be tried again.
    pub sweep_enabled: bool,
    /// What a sweep looks at, and how it reports it.
    pub sweep: Sweep,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Words.
    Text,
}

/// Lambda's own logging settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`, in capitals.
    pub level: String,
    /// Format of the lines.
    pub format: LogFormat,
    /// Name of the function, for its metrics.
    pub function_name: String,
}

impl Logging {
    /// Reads what Lambda sets in the environment; what is missing or odd has Lambda's default.
    pub fn from_env() -> Self {
        let text = |name: &str| std::env::var(name).unwrap_or_default();
        Self {
            level: text("AWS_LAMBDA_LOG_LEVEL").to_ascii_uppercase(),
            format: match text("AWS_LAMBDA_LOG_FORMAT").to_ascii_uppercase().as_str() {
                "JSON" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            function_name: text("AWS_LAMBDA_FUNCTION_NAME"),
        }
    }
}

/// A standard SNS topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Whole ARN.
    pub arn: String,
    /// Region of the topic, which may differ from the function's own.
    pub region: String,
}

impl Config {
    /// Reads the settings from the process environment.
    ///
    /// # Errors
    /// [`Error::Config`] that names the variable, its value and what is allowed.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(variable)
    }

    /// Reads the settings through `lookup`, which gives a variable's value by its name.
    ///
    /// # Errors
    /// Those of `lookup`, and [`Error::Config`] as for [`Config::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let setting = |name: &'static str| not_empty(lookup(name));
        Ok(Self {
            topic: topic(setting("TOPIC_ARN")?)?,
            report: ReportSettings::from_lookup(&lookup)?,
            notify_on: choice(
                "NOTIFY_ON",
                setting("NOTIFY_ON")?,
                &[("problems", NotifyOn::Problems), ("changes", NotifyOn::Changes), ("always", NotifyOn::Always)],
            )?,
            https_body: choice(
                "HTTPS_BODY",
                setting("HTTPS_BODY")?,
                &[("chat", HttpsBody::Chat), ("document", HttpsBody::Document)],
            )?,
            ledger_table: setting("LEDGER_TABLE")?.map(table).transpose()?,
            sweep_enabled: choice("SWEEP_ENABLED", setting("SWEEP_ENABLED")?, &[("false", false), ("true", true)])?,
            sweep: Sweep::read(setting)?,
        })
    }
}

impl ReportSettings {
    /// Reads the settings through `lookup`, which gives a variable's value by its name; without one, each has its
    /// default.
    ///
    /// # Errors
    /// Those of `lookup`, and [`Error::Config`] as for [`Config::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let setting = |name: &'static str| not_empty(lookup(name));
        Ok(Self {
            call_as: choice(
                "CALL_AS",
                setting("CALL_AS")?,
                &[
                    ("auto", CallAsSetting::Auto),
                    ("SELF", CallAsSetting::Fixed(CallAs::SelfAccount)),
                    ("DELEGATED_ADMIN", CallAsSetting::Fixed(CallAs::DelegatedAdmin)),
                ],
            )?,
            read_results: choice(
                "READ_RESULTS",
                setting("READ_RESULTS")?,
                &[("auto", ReadResults::Auto), ("all", ReadResults::All)],
            )?,
            expect_gate: choice(
                "EXPECT_ACCOUNT_GATE",
                setting("EXPECT_ACCOUNT_GATE")?,
                &[("never", ExpectGate::Never), ("auto", ExpectGate::Auto), ("always", ExpectGate::Always)],
            )?,
            account_names: choice("ACCOUNT_NAMES", setting("ACCOUNT_NAMES")?, &[("auto", true), ("never", false)])?,
            member_role_name: setting("MEMBER_ROLE_NAME")?.map(role_name).transpose()?,
            settle_timeout: Duration::from_secs(number(
                "SETTLE_TIMEOUT_SECONDS",
                setting("SETTLE_TIMEOUT_SECONDS")?,
                60,
                0..=600,
                "seconds",
            )?),
        })
    }
}

/// A template parameter left empty arrives as an empty variable: the same as unset.
fn not_empty(value: Result<Option<String>, Error>) -> Result<Option<String>, Error> {
    Ok(value?.filter(|value| !value.is_empty()))
}

impl Sweep {
    fn read(setting: impl Fn(&'static str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let concurrency = number("SWEEP_CONCURRENCY", setting("SWEEP_CONCURRENCY")?, 4, 1..=16, "numbers")?;
        Ok(Self {
            mode: choice(
                "SWEEP_MODE",
                setting("SWEEP_MODE")?,
                &[("each", SweepMode::Each), ("digest", SweepMode::Digest)],
            )?,
            lookback: hours("SWEEP_LOOKBACK_HOURS", setting("SWEEP_LOOKBACK_HOURS")?, 24, 1..=168)?,
            stuck_after: Some(hours("STUCK_AFTER_HOURS", setting("STUCK_AFTER_HOURS")?, 6, 0..=168)?)
                .filter(|time| !time.is_zero()),
            concurrency: usize::try_from(concurrency).unwrap_or(1),
            management_account: management_account(setting("MANAGEMENT_ACCOUNT_ID")?)?,
            name_pattern: name_pattern(setting("STACK_SET_NAME_PATTERN")?)?,
        })
    }
}

/// A variable of the process environment.
fn variable(name: &str) -> Result<Option<String>, Error> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Error::Config(format!(
            "could not read the setting {name}: its value is not UTF-8, allowed is UTF-8 text"
        ))),
    }
}

/// The value of a setting with a few allowed words, the first of which is the default.
fn choice<T: Copy>(name: &str, value: Option<String>, allowed: &[(&str, T)]) -> Result<T, Error> {
    let wanted = match &value {
        Some(word) => allowed.iter().find(|(name, _)| name == word),
        None => allowed.first(),
    };
    wanted.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<&str> = allowed.iter().map(|(word, _)| *word).collect();
        Error::Config(format!(
            "could not read the setting {name}: it is {:?}, allowed are {}",
            value.unwrap_or_default(),
            words.join(", ")
        ))
    })
}

/// A whole number within limits; `unit` is its plural.
fn number(
    name: &str,
    value: Option<String>,
    default: u64,
    allowed: RangeInclusive<u64>,
    unit: &str,
) -> Result<u64, Error> {
    let Some(text) = value else {
        return Ok(default);
    };
    text.parse().ok().filter(|number| allowed.contains(number)).ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        Error::Config(format!(
            "could not read the setting {name}: it is {text:?}, allowed are whole {unit} from {least} to {most}"
        ))
    })
}

/// The name of a DynamoDB table
/// ([naming rules](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html)).
fn table(name: String) -> Result<String, Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (3..=255).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(name);
    }
    Err(Error::Config(format!(
        "could not read the setting LEDGER_TABLE: it is {name:?}, allowed is the name of a DynamoDB table, 3 to 255 \
         letters, digits, underscores, hyphens and dots"
    )))
}

/// The name of an IAM role
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)).
fn role_name(name: String) -> Result<String, Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(legal) {
        return Ok(name);
    }
    Err(Error::Config(format!(
        "could not read the setting MEMBER_ROLE_NAME: it is {name:?}, allowed is the name of an IAM role, at most 64 \
         letters, digits and any of _+=,.@-"
    )))
}

fn hours(name: &str, value: Option<String>, default: u64, allowed: RangeInclusive<u64>) -> Result<Duration, Error> {
    Ok(Duration::from_secs(number(name, value, default, allowed, "hours")? * 3_600))
}

fn management_account(value: Option<String>) -> Result<Option<String>, Error> {
    match value {
        Some(id) if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) => Err(Error::Config(format!(
            "could not read the setting MANAGEMENT_ACCOUNT_ID: it is {id:?}, allowed is an account id of 12 digits"
        ))),
        other => Ok(other),
    }
}

fn name_pattern(value: Option<String>) -> Result<String, Error> {
    let pattern = value.unwrap_or_else(|| "*".to_owned());
    if pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*')) {
        return Ok(pattern);
    }
    Err(Error::Config(format!(
        "could not read the setting STACK_SET_NAME_PATTERN: it is {pattern:?}, allowed are letters, digits, hyphens and asterisks"
    )))
}

fn topic(value: Option<String>) -> Result<Topic, Error> {
    const ALLOWED: &str = "allowed is the ARN of a standard SNS topic, arn:<partition>:sns:<region>:<account>:<name>";
    let Some(arn) = value else {
        return Err(Error::Config(format!("could not read the setting TOPIC_ARN: it is not set, {ALLOWED}")));
    };
    let wrong = |detail: &str| {
        Err(Error::Config(format!("could not read the setting TOPIC_ARN: it is {arn:?}{detail}, {ALLOWED}")))
    };
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, "sns", region, account, name]
            if ![partition, region, account, name].iter().any(|part| part.is_empty()) =>
        {
            if name.ends_with(".fifo") {
                return wrong(", a FIFO topic, which can feed neither email nor chat");
            }
            Ok(Topic { region: (*region).to_owned(), arn: arn.clone() })
        }
        _ => wrong(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Config, Error> {
        Config::from_lookup(|name| Ok(vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())))
    }

    const TOPIC: (&str, &str) = ("TOPIC_ARN", "arn:aws-cn:sns:cn-north-1:111111111111:alerts");

    #[test]
    fn defaults() {
        let config = read(&[TOPIC, ("CALL_AS", "")]).unwrap();
        assert_eq!(config.topic.region, "cn-north-1");
        assert_eq!(config.report.call_as, CallAsSetting::Auto);
        assert_eq!(config.notify_on, NotifyOn::Problems);
        assert_eq!(config.report.expect_gate, ExpectGate::Never);
        assert!(config.report.account_names);
        assert_eq!(config.report.settle_timeout, Duration::from_secs(60));
        assert_eq!(config.ledger_table, None);
        assert_eq!(config.report.member_role_name, None);
        let hour = Duration::from_secs(3_600);
        let sweep = config.sweep;
        assert_eq!(sweep.mode, SweepMode::Each);
        assert_eq!((sweep.lookback, sweep.stuck_after), (24 * hour, Some(6 * hour)));
        assert_eq!((sweep.concurrency, sweep.management_account), (4, None));
        assert_eq!(sweep.name_pattern, "*");
    }

    #[test]
    fn names_of_tables() {
        let longest = "t".repeat(255);
        for name in ["abc", "stack-Ledger_1.x", &longest] {
            assert_eq!(read(&[TOPIC, ("LEDGER_TABLE", name)]).unwrap().ledger_table.as_deref(), Some(name));
        }
        assert_eq!(read(&[TOPIC, ("LEDGER_TABLE", "")]).unwrap().ledger_table, None);
        let too_long = "t".repeat(256);
        for name in ["ab", "a b", "täble", "arn:aws:dynamodb:eu-central-1:111111111111:table/reports", &too_long] {
            assert!(read(&[TOPIC, ("LEDGER_TABLE", name)]).is_err(), "{name}");
        }
    }

    #[test]
    fn names_of_roles() {
        for name in ["stackset-notifier", "a+b=c,d.e@f_g", &"r".repeat(64)] {
            assert_eq!(
                read(&[TOPIC, ("MEMBER_ROLE_NAME", name)]).unwrap().report.member_role_name.as_deref(),
                Some(name)
            );
        }
        assert_eq!(read(&[TOPIC, ("MEMBER_ROLE_NAME", "")]).unwrap().report.member_role_name, None);
        for name in ["arn:aws:iam::111111111111:role/reader", "path/reader", "a b", "*", &"r".repeat(65)] {
            assert!(read(&[TOPIC, ("MEMBER_ROLE_NAME", name)]).is_err(), "{name}");
        }
    }

    #[test]
    fn settings_of_the_sweep() {
        let sweep = |name: &str, value: &str| read(&[TOPIC, (name, value)]).unwrap().sweep;
        assert_eq!(sweep("SWEEP_MODE", "digest").mode, SweepMode::Digest);
        assert_eq!(sweep("STUCK_AFTER_HOURS", "0").stuck_after, None);
        assert_eq!(sweep("SWEEP_CONCURRENCY", "16").concurrency, 16);
        assert_eq!(sweep("STACK_SET_NAME_PATTERN", "prod-*").name_pattern, "prod-*");
        assert_eq!(sweep("MANAGEMENT_ACCOUNT_ID", "999999999999").management_account.as_deref(), Some("999999999999"));
    }

    #[test]
    fn every_allowed_word() {
        let config = read(&[TOPIC, ("CALL_AS", "DELEGATED_ADMIN"), ("NOTIFY_ON", "always")]).unwrap();
        assert_eq!(config.report.call_as, CallAsSetting::Fixed(CallAs::DelegatedAdmin));
        assert_eq!(config.notify_on, NotifyOn::Always);
        for (text, number) in [("0", 0), ("600", 600)] {
            let config = read(&[TOPIC, ("SETTLE_TIMEOUT_SECONDS", text)]).unwrap();
            assert_eq!(config.report.settle_timeout, Duration::from_secs(number));
        }
        for (word, meaning) in [("always", ExpectGate::Always), ("auto", ExpectGate::Auto)] {
            assert_eq!(read(&[TOPIC, ("EXPECT_ACCOUNT_GATE", word)]).unwrap().report.expect_gate, meaning);
        }
        assert_eq!(read(&[TOPIC]).unwrap().https_body, HttpsBody::Chat);
        assert_eq!(read(&[TOPIC, ("HTTPS_BODY", "document")]).unwrap().https_body, HttpsBody::Document);
        assert!(!read(&[TOPIC, ("ACCOUNT_NAMES", "never")]).unwrap().report.account_names);
        assert_eq!(
            read(&[TOPIC, ("CALL_AS", "SELF")]).unwrap().report.call_as,
            CallAsSetting::Fixed(CallAs::SelfAccount)
        );
    }

    #[test]
    fn wrong_values_name_the_variable_the_value_and_what_is_allowed() {
        for (vars, text) in [
            (
                vec![],
                "could not read the setting TOPIC_ARN: it is not set, allowed is the ARN of a standard SNS topic, \
                 arn:<partition>:sns:<region>:<account>:<name>",
            ),
            (
                vec![("TOPIC_ARN", "alerts")],
                "could not read the setting TOPIC_ARN: it is \"alerts\", allowed is the ARN of a standard SNS topic, \
                 arn:<partition>:sns:<region>:<account>:<name>",
            ),
            (
                vec![("TOPIC_ARN", "arn:aws:sns:eu-west-1:111111111111:alerts.fifo")],
                "could not read the setting TOPIC_ARN: it is \"arn:aws:sns:eu-west-1:111111111111:alerts.fifo\", a FIFO \
                 topic, which can feed neither email nor chat, allowed is the ARN of a standard SNS topic, \
                 arn:<partition>:sns:<region>:<account>:<name>",
            ),
            (
                vec![TOPIC, ("CALL_AS", "self")],
                "could not read the setting CALL_AS: it is \"self\", allowed are auto, SELF, DELEGATED_ADMIN",
            ),
            (
                vec![TOPIC, ("NOTIFY_ON", "never")],
                "could not read the setting NOTIFY_ON: it is \"never\", allowed are problems, changes, always",
            ),
            (
                vec![TOPIC, ("SETTLE_TIMEOUT_SECONDS", "601")],
                "could not read the setting SETTLE_TIMEOUT_SECONDS: it is \"601\", allowed are whole seconds from 0 to 600",
            ),
            (
                vec![TOPIC, ("SETTLE_TIMEOUT_SECONDS", "1.5")],
                "could not read the setting SETTLE_TIMEOUT_SECONDS: it is \"1.5\", allowed are whole seconds from 0 to 600",
            ),
            (
                vec![TOPIC, ("SWEEP_LOOKBACK_HOURS", "0")],
                "could not read the setting SWEEP_LOOKBACK_HOURS: it is \"0\", allowed are whole hours from 1 to 168",
            ),
            (
                vec![TOPIC, ("STUCK_AFTER_HOURS", "169")],
                "could not read the setting STUCK_AFTER_HOURS: it is \"169\", allowed are whole hours from 0 to 168",
            ),
            (
                vec![TOPIC, ("SWEEP_CONCURRENCY", "17")],
                "could not read the setting SWEEP_CONCURRENCY: it is \"17\", allowed are whole numbers from 1 to 16",
            ),
            (
                vec![TOPIC, ("SWEEP_MODE", "one")],
                "could not read the setting SWEEP_MODE: it is \"one\", allowed are each, digest",
            ),
            (
                vec![TOPIC, ("MANAGEMENT_ACCOUNT_ID", "management")],
                "could not read the setting MANAGEMENT_ACCOUNT_ID: it is \"management\", allowed is an account id of 12 digits",
            ),
            (
                vec![TOPIC, ("STACK_SET_NAME_PATTERN", "prod_*")],
                "could not read the setting STACK_SET_NAME_PATTERN: it is \"prod_*\", allowed are letters, digits, hyphens and asterisks",
            ),
            (
                vec![TOPIC, ("EXPECT_ACCOUNT_GATE", "yes")],
                "could not read the setting EXPECT_ACCOUNT_GATE: it is \"yes\", allowed are never, auto, always",
            ),
            (
                vec![TOPIC, ("HTTPS_BODY", "json")],
                "could not read the setting HTTPS_BODY: it is \"json\", allowed are chat, document",
            ),
            (
                vec![TOPIC, ("ACCOUNT_NAMES", "always")],
                "could not read the setting ACCOUNT_NAMES: it is \"always\", allowed are auto, never",
            ),
            (
                vec![TOPIC, ("MEMBER_ROLE_NAME", "path/reader")],
                "could not read the setting MEMBER_ROLE_NAME: it is \"path/reader\", allowed is the name of an IAM role, \
                 at most 64 letters, digits and any of _+=,.@-",
            ),
            (
                vec![TOPIC, ("LEDGER_TABLE", "my table")],
                "could not read the setting LEDGER_TABLE: it is \"my table\", allowed is the name of a DynamoDB table, \
                 3 to 255 letters, digits, underscores, hyphens and dots",
            ),
        ] {
            let error = read(&vars).unwrap_err();
            assert_eq!(error.to_string(), text);
            assert_eq!(error.kind(), "ConfigError");
        }
    }
}
