//! What can go wrong, and what to try.

use std::fmt;
use std::path::{Path, PathBuf};

use stackset_notifier::error::{ReadError, ReadErrorCause};
use stackset_notifier::operation::CallAs;

/// An error of a command.
#[derive(Debug)]
pub enum Error {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// A file cannot be read.
    File {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// Why not.
        cause: String,
    },
    /// A file is not what it should be.
    Input {
        /// The file; `-` is standard input.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong, and what to try.
        problem: String,
    },
    /// There is no Region.
    NoRegion,
    /// There are no credentials.
    NoCredentials {
        /// The profile that was looked at.
        profile: Option<String>,
    },
    /// There are credentials, but they cannot be used.
    Credentials {
        /// Why not.
        cause: String,
        /// The profile that was looked at.
        profile: Option<String>,
        /// The profile to sign in to, where it is one of IAM Identity Center.
        sso_profile: Option<String>,
    },
    /// AWS does not know the credentials, or not any more.
    Identity {
        /// AWS's code, if it gave one.
        code: Option<String>,
        /// What AWS says.
        cause: String,
        /// The profile to sign in to, where it is one of IAM Identity Center.
        sso_profile: Option<String>,
    },
    /// CloudFormation could not be read.
    Read {
        /// What could not be read, and why.
        error: ReadError,
        /// Capacities that were tried.
        tried: Vec<CallAs>,
        /// Region that was looked in.
        region: String,
    },
    /// There is nothing to report.
    NothingToReport(String),
    /// The library could not do its part.
    Library(stackset_notifier::error::Error),
    /// The page could not be made.
    Page(report_page::Error),
    /// Something could not be written.
    Write(std::io::Error),
}

impl Error {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::File { .. } | Self::Input { .. } | Self::NoRegion => 2,
            Self::Library(stackset_notifier::error::Error::Config(_)) => 2,
            _ => 3,
        }
    }

    /// A file that cannot be read.
    pub fn file(file: &Path, error: &std::io::Error) -> Self {
        Self::File { file: file.to_owned(), cause: error.to_string() }
    }

    /// What to try, if anything comes to mind.
    fn advice(&self) -> Option<String> {
        match self {
            Self::NoRegion => Some("give --region, set AWS_REGION, or give the stack set's ARN".to_owned()),
            Self::Credentials { sso_profile: Some(profile), .. }
            | Self::Identity { sso_profile: Some(profile), .. } => {
                Some(format!("run `aws sso login --profile {profile}`"))
            }
            Self::NoCredentials { profile: Some(_) } | Self::Credentials { profile: Some(_), .. } => {
                Some("run `aws configure list-profiles` to see the available profiles".to_owned())
            }
            Self::NoCredentials { profile: None } | Self::Credentials { profile: None, .. } => Some(
                "give --profile, run `aws configure sso`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without \
                 AWS, --results FILE reports saved results"
                    .to_owned(),
            ),
            Self::Identity { code: Some(code), .. } => advice_for(code).map(str::to_owned),
            Self::Identity { code: None, .. } => Some("check the network, --region and --endpoint-url".to_owned()),
            Self::Read { error, tried, region } => match error.cause() {
                ReadErrorCause::Refused { code } if code == "StackSetNotFound" => Some(not_found(tried, region)),
                ReadErrorCause::Refused { code } => advice_for(code).map(str::to_owned),
                ReadErrorCause::NoAnswer => {
                    Some("try again; check the network, --region and --endpoint-url".to_owned())
                }
                ReadErrorCause::OutOfTime => Some("AWS throttles or does not answer: try again later".to_owned()),
            },
            _ => None,
        }
    }
}

/// What to try when AWS refuses with a code.
fn advice_for(code: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "the credentials have expired: get new ones (IAM Identity Center: `aws sso login`)"
        }
        "InvalidClientTokenId" | "UnrecognizedClient" | "SignatureDoesNotMatch" | "AuthFailure" => {
            "AWS does not know these credentials: check them, and that the Region is one of their partition"
        }
        "AccessDenied" => {
            "try another --profile, or ask for permission to call cloudformation:ListStackSets, \
             ListStackSetOperations, DescribeStackSetOperation and ListStackSetOperationResults"
        }
        "OperationNotFound" => "`stackset-report ls --all NAME` lists its operations",
        "ValidationError" => "check the stack set, the operation and --call-as",
        code if code.contains("Throttling") => "AWS throttles this account: try again later",
        _ => return None,
    })
}

fn not_found(tried: &[CallAs], region: &str) -> String {
    let other = match tried {
        [CallAs::SelfAccount] => " or --call-as delegated-admin",
        [CallAs::DelegatedAdmin] => " or --call-as self",
        _ => "",
    };
    format!("`stackset-report ls` lists the stack sets in {region}: try another --region, --profile{other}")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |file: &PathBuf| {
            if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() }
        };
        match self {
            Self::Usage(text) | Self::NothingToReport(text) => f.write_str(text)?,
            Self::File { file, cause } => write!(f, "could not read {}: {cause}", name(file))?,
            Self::Input { file, line, column, problem } => {
                write!(f, "could not read {}, line {line}, column {column}: {problem}", name(file))?;
            }
            Self::NoRegion => f.write_str("could not connect to AWS: no Region is configured")?,
            Self::NoCredentials { profile: Some(profile) } => {
                write!(f, "could not connect to AWS: profile {profile} has no credentials")?;
            }
            Self::NoCredentials { profile: None } => {
                f.write_str("could not connect to AWS: there are no credentials")?
            }
            Self::Credentials { cause, profile: Some(profile), .. } => {
                write!(f, "could not get credentials of profile {profile}: {cause}")?;
            }
            Self::Credentials { cause, .. } => write!(f, "could not get credentials: {cause}")?,
            Self::Identity { cause, .. } => write!(f, "could not find out whose credentials these are: {cause}")?,
            Self::Read { error, .. } => {
                let text = error.without_advice();
                match text.strip_suffix(": the function's time ran out") {
                    Some(subject) => write!(f, "{subject}: there was no answer in time")?,
                    None => f.write_str(text)?,
                }
            }
            Self::Library(error) => write!(f, "{error}")?,
            Self::Page(error) => write!(f, "could not make the page: {error}")?,
            Self::Write(error) => write!(f, "could not write the output: {error}")?,
        }
        self.advice().iter().try_for_each(|advice| write!(f, "\n  try: {advice}"))
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<stackset_notifier::error::Error> for Error {
    fn from(error: stackset_notifier::error::Error) -> Self {
        Self::Library(error)
    }
}
