//! Profile, Region, credentials -> clients and who they act as.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, imds};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_types::os_shim_internal::{Env, Fs};
use stackset_notifier::aws;
use stackset_notifier::event::FunctionIdentity;

use crate::args;
use crate::error::Error;

/// Longest wait for the metadata service of an EC2 instance, which no other machine has.
const IMDS_TIMEOUT: Duration = Duration::from_secs(1);

/// What the clients share, and who they act as.
pub struct Client {
    /// Settings of all clients.
    pub sdk: SdkConfig,
    /// Partition, Region and account of the credentials.
    pub identity: FunctionIdentity,
}

impl Client {
    /// Finds the Region and the credentials, and asks AWS whose they are.
    ///
    /// `known_region` is that of an ARN.
    ///
    /// # Errors
    /// [`Error`] that says what is missing.
    pub async fn connect(args: &args::Aws, known_region: Option<&str>) -> Result<Self, Error> {
        let profile = args.profile.clone().or_else(|| variable("AWS_PROFILE"));
        let region = region(args, known_region).await.ok_or(Error::NoRegion)?;
        let http = aws::http_client(variable("AWS_CA_BUNDLE").map(PathBuf::from).as_deref())?;
        let provider = ProviderConfig::without_region()
            .with_behavior_version(Some(BehaviorVersion::v2026_01_12()))
            .with_http_client(http.clone());
        let metadata = imds::Client::builder()
            .configure(&provider)
            .max_attempts(1)
            .connect_timeout(IMDS_TIMEOUT)
            .read_timeout(IMDS_TIMEOUT)
            .operation_timeout(IMDS_TIMEOUT * 2)
            .build();
        let mut chain =
            DefaultCredentialsChain::builder().configure(provider).region(region.clone()).imds_client(metadata);
        if let Some(profile) = &profile {
            chain = chain.profile_name(profile);
        }
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .region(region.clone())
            .timeout_config(aws::timeouts())
            .retry_config(aws::retries())
            .credentials_provider(chain.build().await);
        if let Some(profile) = &profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &args.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let sdk = loader.load().await;
        check_credentials(&sdk, profile.as_deref()).await?;
        let (partition, account) = whoami(&sdk, profile.as_deref()).await?;
        let identity = FunctionIdentity { partition, region: region.to_string(), account };
        Ok(Self { sdk, identity })
    }
}

/// The Region of the command line, the ARN, the environment or the profile.
async fn region(args: &args::Aws, known: Option<&str>) -> Option<Region> {
    let given = args.region.as_deref().or(known).map(|region| Region::new(region.to_owned()));
    let mut profile = ProfileFileRegionProvider::builder();
    if let Some(name) = &args.profile {
        profile = profile.profile_name(name);
    }
    RegionProviderChain::first_try(given)
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .region()
        .await
}

/// The Region that saved results are of, where one is configured.
pub async fn configured_region(args: &args::Aws) -> Option<String> {
    region(args, None).await.map(|region| region.to_string())
}

async fn check_credentials(sdk: &SdkConfig, profile: Option<&str>) -> Result<(), Error> {
    let Some(provider) = sdk.credentials_provider() else {
        return Err(Error::NoCredentials { profile: None });
    };
    let name = profile.map(str::to_owned);
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Err(Error::NoCredentials { profile: name }),
        Err(error) => {
            let sso_profile = sso_profile(profile).await;
            Err(Error::Credentials { cause: aws::chain(&error), profile: name, sso_profile })
        }
    }
}

/// Partition and account of the credentials.
async fn whoami(sdk: &SdkConfig, profile: Option<&str>) -> Result<(String, String), Error> {
    // Whoever waits for the first answer wants to know soon that there is none.
    let own = aws_sdk_sts::config::Builder::from(sdk).retry_config(RetryConfig::standard()).build();
    let answer = aws_sdk_sts::Client::from_conf(own).get_caller_identity().send().await;
    let caller = match answer {
        Ok(caller) => caller,
        Err(error) => {
            let code = aws::code(&error).map(str::to_owned);
            let expired = code.as_deref().is_some_and(|code| code.starts_with("ExpiredToken"));
            let sso_profile = if expired { sso_profile(profile).await } else { None };
            return Err(Error::Identity { code, cause: aws::cause(&error), sso_profile });
        }
    };
    let partition = caller.arn().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws");
    Ok((partition.to_owned(), caller.account().unwrap_or_default().to_owned()))
}

/// The profile in use, where it signs in through IAM Identity Center.
async fn sso_profile(name: Option<&str>) -> Option<String> {
    let name = name.unwrap_or("default");
    let profiles = aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await.ok()?;
    let profile = profiles.get_profile(name)?;
    let is_sso = profile.get("sso_session").or(profile.get("sso_start_url")).is_some();
    is_sso.then(|| name.to_owned())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
