//! Every setting, its default and its limits; the only reader of the environment.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::Error;
use crate::operation::CallAs;
use crate::report::ExpectGate;

/// When a report is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotifyOn {
    /// Only when something needs a person: `NOTIFY_ON=problems`, the default.
    Problems,
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

/// The settings of one deployment.
#[derive(Debug, Clone)]
pub struct Config {
    /// Topic that gets the reports (`TOPIC_ARN`).
    pub topic: Topic,
    /// Capacity in which stack sets are read (`CALL_AS`).
    pub call_as: CallAsSetting,
    /// Which reports are published (`NOTIFY_ON`).
    pub notify_on: NotifyOn,
    /// Whether account gates are in use (`EXPECT_ACCOUNT_GATE`).
    pub expect_gate: ExpectGate,
    /// Longest time spent on waiting for results to settle (`SETTLE_TIMEOUT_SECONDS`).
    pub settle_timeout: Duration,
    /// DynamoDB table of what was told already (`LEDGER_TABLE`); without one, an event that comes
    /// twice is told twice.
    pub ledger_table: Option<String>,
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
        Self::from_lookup(|name| match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Error::Config(format!(
                "could not read the setting {name}: its value is not UTF-8, allowed is UTF-8 text"
            ))),
        })
    }

    /// Reads the settings through `lookup`, which gives a variable's value by its name.
    ///
    /// # Errors
    /// Those of `lookup`, and [`Error::Config`] as for [`Config::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let setting = |name: &'static str| -> Result<Option<String>, Error> {
            // A template parameter left empty arrives as an empty variable: the same as unset.
            Ok(lookup(name)?.filter(|value| !value.is_empty()))
        };
        Ok(Self {
            topic: topic(setting("TOPIC_ARN")?)?,
            call_as: choice(
                "CALL_AS",
                setting("CALL_AS")?,
                &[
                    ("auto", CallAsSetting::Auto),
                    ("SELF", CallAsSetting::Fixed(CallAs::Myself)),
                    ("DELEGATED_ADMIN", CallAsSetting::Fixed(CallAs::DelegatedAdmin)),
                ],
            )?,
            notify_on: choice(
                "NOTIFY_ON",
                setting("NOTIFY_ON")?,
                &[("problems", NotifyOn::Problems), ("always", NotifyOn::Always)],
            )?,
            expect_gate: choice(
                "EXPECT_ACCOUNT_GATE",
                setting("EXPECT_ACCOUNT_GATE")?,
                &[("auto", ExpectGate::Auto), ("always", ExpectGate::Always), ("never", ExpectGate::Never)],
            )?,
            settle_timeout: seconds("SETTLE_TIMEOUT_SECONDS", setting("SETTLE_TIMEOUT_SECONDS")?, 60, 0..=600)?,
            ledger_table: setting("LEDGER_TABLE")?.map(table).transpose()?,
        })
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

/// A number of whole seconds within limits.
fn seconds(name: &str, value: Option<String>, default: u64, allowed: RangeInclusive<u64>) -> Result<Duration, Error> {
    let Some(text) = value else {
        return Ok(Duration::from_secs(default));
    };
    text.parse().ok().filter(|number| allowed.contains(number)).map(Duration::from_secs).ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        Error::Config(format!(
            "could not read the setting {name}: it is {text:?}, allowed are whole seconds from {least} to {most}"
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

fn topic(value: Option<String>) -> Result<Topic, Error> {
    const ALLOWED: &str = "allowed is the ARN of a standard SNS topic, arn:<partition>:sns:<region>:<account>:<name>";
    let Some(arn) = value else {
        return Err(Error::Config(format!("could not read the setting TOPIC_ARN: it is not set, {ALLOWED}")));
    };
    let wrong =
        |why: &str| Err(Error::Config(format!("could not read the setting TOPIC_ARN: it is {arn:?}{why}, {ALLOWED}")));
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", partition, "sns", region, account, name]
            if ![partition, region, account, name].iter().any(|part| part.is_empty()) =>
        {
            if name.ends_with(".fifo") {
                return wrong(", a FIFO topic, which can feed neither mail nor chat");
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
        assert_eq!(config.call_as, CallAsSetting::Auto);
        assert_eq!(config.notify_on, NotifyOn::Problems);
        assert_eq!(config.expect_gate, ExpectGate::Auto);
        assert_eq!(config.settle_timeout, Duration::from_secs(60));
        assert_eq!(config.ledger_table, None);
    }

    #[test]
    fn names_of_tables() {
        let longest = "t".repeat(255);
        for name in ["abc", "stack-Ledger_1.x", &longest] {
            assert_eq!(read(&[TOPIC, ("LEDGER_TABLE", name)]).unwrap().ledger_table.as_deref(), Some(name));
        }
        assert_eq!(read(&[TOPIC, ("LEDGER_TABLE", "")]).unwrap().ledger_table, None);
        let too_long = "t".repeat(256);
        for name in ["ab", "a b", "täble", "arn:aws:dynamodb:eu-central-1:111111111111:table/told", &too_long] {
            assert!(read(&[TOPIC, ("LEDGER_TABLE", name)]).is_err(), "{name}");
        }
    }

    #[test]
    fn every_allowed_word() {
        let config = read(&[TOPIC, ("CALL_AS", "DELEGATED_ADMIN"), ("NOTIFY_ON", "always")]).unwrap();
        assert_eq!(config.call_as, CallAsSetting::Fixed(CallAs::DelegatedAdmin));
        assert_eq!(config.notify_on, NotifyOn::Always);
        for (text, number) in [("0", 0), ("600", 600)] {
            let config = read(&[TOPIC, ("SETTLE_TIMEOUT_SECONDS", text)]).unwrap();
            assert_eq!(config.settle_timeout, Duration::from_secs(number));
        }
        for (word, meaning) in [("always", ExpectGate::Always), ("never", ExpectGate::Never)] {
            assert_eq!(read(&[TOPIC, ("EXPECT_ACCOUNT_GATE", word)]).unwrap().expect_gate, meaning);
        }
        assert_eq!(read(&[TOPIC, ("CALL_AS", "SELF")]).unwrap().call_as, CallAsSetting::Fixed(CallAs::Myself));
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
                 topic, which can feed neither mail nor chat, allowed is the ARN of a standard SNS topic, \
                 arn:<partition>:sns:<region>:<account>:<name>",
            ),
            (
                vec![TOPIC, ("CALL_AS", "self")],
                "could not read the setting CALL_AS: it is \"self\", allowed are auto, SELF, DELEGATED_ADMIN",
            ),
            (
                vec![TOPIC, ("NOTIFY_ON", "never")],
                "could not read the setting NOTIFY_ON: it is \"never\", allowed are problems, always",
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
                vec![TOPIC, ("EXPECT_ACCOUNT_GATE", "yes")],
                "could not read the setting EXPECT_ACCOUNT_GATE: it is \"yes\", allowed are auto, always, never",
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
