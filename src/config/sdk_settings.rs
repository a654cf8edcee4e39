//! Where AWS is, as Lambda and whoever deploys the function say it.

use std::path::PathBuf;

use super::variable;
use crate::error::Error;

/// Variables that lead to one service alone, by service id
/// ([service-specific endpoints](https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html)).
const ENDPOINTS: [(&str, &str); 5] = [
    ("CloudFormation", "AWS_ENDPOINT_URL_CLOUDFORMATION"),
    ("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB"),
    ("Organizations", "AWS_ENDPOINT_URL_ORGANIZATIONS"),
    ("SNS", "AWS_ENDPOINT_URL_SNS"),
    ("STS", "AWS_ENDPOINT_URL_STS"),
];

/// What the variables say that all AWS SDKs know
/// ([settings reference](https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SdkSettings {
    /// The function's own Region (`AWS_REGION`), which Lambda sets.
    pub region: String,
    /// Endpoint of all services (`AWS_ENDPOINT_URL`).
    pub endpoint: Option<String>,
    /// Endpoints of single services, by service id (`AWS_ENDPOINT_URL_SNS` and the like).
    pub endpoints: Vec<(&'static str, String)>,
    /// Whether FIPS endpoints are called (`AWS_USE_FIPS_ENDPOINT`).
    pub fips: Option<bool>,
    /// Whether endpoints with IPv6 are called (`AWS_USE_DUALSTACK_ENDPOINT`).
    pub dual_stack: Option<bool>,
    /// File of the certificate authorities that are trusted in place of Mozilla's (`AWS_CA_BUNDLE`).
    pub ca_bundle: Option<PathBuf>,
}

impl SdkSettings {
    /// Reads the process environment.
    ///
    /// # Errors
    /// [`Error::Config`] that names the variable, its value and what is allowed.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(variable)
    }

    /// Reads the variables through `lookup`, which gives a variable's value by its name.
    ///
    /// # Errors
    /// Those of `lookup`, and [`Error::Config`] as for [`SdkSettings::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Result<Option<String>, Error>) -> Result<Self, Error> {
        let set = |name: &str| -> Result<Option<String>, Error> { Ok(lookup(name)?.filter(|value| !value.is_empty())) };
        let yes_or_no = |name: &str| -> Result<Option<bool>, Error> {
            match set(name)? {
                Some(word) if word.eq_ignore_ascii_case("true") => Ok(Some(true)),
                Some(word) if word.eq_ignore_ascii_case("false") => Ok(Some(false)),
                Some(word) => Err(Error::Config(format!(
                    "could not read the setting {name}: it is {word:?}, allowed are true, false"
                ))),
                None => Ok(None),
            }
        };
        let region = set("AWS_REGION")?.ok_or_else(|| {
            Error::Config("could not read the setting AWS_REGION: it is not set, allowed is a Region's code".to_owned())
        })?;
        let mut endpoints = Vec::new();
        for (service, name) in ENDPOINTS {
            endpoints.extend(set(name)?.map(|url| (service, url)));
        }
        Ok(Self {
            region,
            endpoint: set("AWS_ENDPOINT_URL")?,
            endpoints,
            fips: yes_or_no("AWS_USE_FIPS_ENDPOINT")?,
            dual_stack: yes_or_no("AWS_USE_DUALSTACK_ENDPOINT")?,
            ca_bundle: set("AWS_CA_BUNDLE")?.map(PathBuf::from),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<SdkSettings, Error> {
        SdkSettings::from_lookup(|name| {
            Ok(vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        })
    }

    const REGION: (&str, &str) = ("AWS_REGION", "us-gov-west-1");

    #[test]
    fn lambdas_own_are_enough() {
        let wanted = SdkSettings { region: "us-gov-west-1".to_owned(), ..SdkSettings::default() };
        assert_eq!(read(&[REGION, ("AWS_ENDPOINT_URL", "")]).unwrap(), wanted);
    }

    #[test]
    fn all_that_can_be_said() {
        let read = read(&[
            REGION,
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:2"),
            ("AWS_USE_FIPS_ENDPOINT", "TRUE"),
            ("AWS_USE_DUALSTACK_ENDPOINT", "false"),
            ("AWS_CA_BUNDLE", "/opt/ca.pem"),
        ])
        .unwrap();
        assert_eq!(read.endpoint.as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(read.endpoints, [("SNS", "http://127.0.0.1:2".to_owned())]);
        assert_eq!((read.fips, read.dual_stack), (Some(true), Some(false)));
        assert_eq!(read.ca_bundle, Some(PathBuf::from("/opt/ca.pem")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = read(&[]).unwrap_err().to_string();
        assert_eq!(error, "could not read the setting AWS_REGION: it is not set, allowed is a Region's code");
        let error = read(&[REGION, ("AWS_USE_FIPS_ENDPOINT", "1")]).unwrap_err().to_string();
        assert_eq!(error, "could not read the setting AWS_USE_FIPS_ENDPOINT: it is \"1\", allowed are true, false");
    }
}
