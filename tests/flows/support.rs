//! A notifier wired to a loopback AWS.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudformation::config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider};
use sandbox::{Aws, Operation, Published, Row, Scenario, StackSet};
use serde_json::{Value, json};
use stackset_notifier::aws;
use stackset_notifier::config::{Config, SdkSettings};
use stackset_notifier::error::Error;
use stackset_notifier::handler::{self, Invocation};
use stackset_notifier::notifier::Notifier;
use tokio::time::Instant;

pub(crate) const MANAGEMENT: &str = "111111111111";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const TOPIC: &str = "arn:aws:sns:eu-central-1:111111111111:alerts";
pub(crate) const FUNCTION: &str = "arn:aws:lambda:eu-central-1:111111111111:function:stackset-notifier";
pub(crate) const OPERATION: &str = "op-1";

pub(crate) struct Stage {
    pub(crate) aws: Aws,
    pub(crate) sdk: SdkConfig,
    notifier: Notifier,
    function: String,
    time: Duration,
}

impl Stage {
    pub(crate) async fn new(scenario: Scenario) -> Self {
        Self::with(scenario, &[]).await
    }

    /// A stage whose function has these settings besides the topic.
    pub(crate) async fn with(scenario: Scenario, settings: &[(&str, &str)]) -> Self {
        Self::impatient(scenario, settings, Duration::from_secs(10)).await
    }

    /// A stage whose function waits no longer than this for an answer.
    pub(crate) async fn impatient(scenario: Scenario, settings: &[(&str, &str)], attempt: Duration) -> Self {
        let aws = Aws::start(scenario.topic(TOPIC)).await;
        let url = aws.url();
        Self::wired(aws, sdk_settings(&url), settings, attempt)
    }

    /// A stage whose function looks for AWS at another address.
    pub(crate) async fn at(url: &str, scenario: Scenario) -> Self {
        Self::wired(Aws::start(scenario).await, sdk_settings(url), &[], Duration::from_secs(10))
    }

    /// A stage whose function finds AWS, which runs already, where these say.
    pub(crate) fn within(aws: Aws, sdk_settings: SdkSettings) -> Self {
        Self::wired(aws, sdk_settings, &[], Duration::from_secs(10))
    }

    /// A stage whose function lives in this Region and has these settings besides the topic.
    pub(crate) async fn in_region(region: &str, scenario: Scenario, settings: &[(&str, &str)]) -> Self {
        let aws = Aws::start(scenario.topic(TOPIC)).await;
        let sdk_settings = SdkSettings { region: region.to_owned(), ..sdk_settings(&aws.url()) };
        Self::wired(aws, sdk_settings, settings, Duration::from_secs(10))
    }

    fn wired(aws: Aws, sdk_settings: SdkSettings, settings: &[(&str, &str)], attempt: Duration) -> Self {
        let credentials = Credentials::new("AKIDTEST", "secret", None, None, "test");
        let sdk = aws::shared(&sdk_settings)
            .unwrap()
            .into_builder()
            // The same number of attempts as in production, without its long pauses.
            .retry_config(
                aws::retries()
                    .with_initial_backoff(Duration::from_millis(5))
                    .with_max_backoff(Duration::from_millis(20)),
            )
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(attempt).build())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let config = Config::from_lookup(|name| {
            let set = settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            let default = match name {
                "TOPIC_ARN" => Some(TOPIC.to_owned()),
                // What never settles would be waited for.
                "SETTLE_TIMEOUT_SECONDS" => Some("0".to_owned()),
                _ => None,
            };
            Ok(set.or(default))
        })
        .unwrap();
        Self {
            aws,
            notifier: Notifier::new(config, &sdk).settle_after(Duration::from_millis(5)),
            sdk,
            function: FUNCTION.to_owned(),
            time: Duration::from_secs(300),
        }
    }

    /// A stage with one stack set and one operation.
    pub(crate) async fn of(operation: Operation) -> Self {
        Self::new(Scenario::new().stack_set(stack_set().operation(operation))).await
    }

    pub(crate) fn function(mut self, arn: &str) -> Self {
        self.function = arn.to_owned();
        self
    }

    /// Leaves the function so much time.
    pub(crate) fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Lets claims last so long.
    pub(crate) fn lease(mut self, lease: Duration) -> Self {
        self.notifier = self.notifier.lease(lease);
        self
    }

    /// Invokes the function and gives its whole response.
    pub(crate) async fn response(&self, event: &Value) -> Result<Value, Error> {
        self.reply_until(event, Instant::now() + self.time).await
    }

    async fn reply_until(&self, event: &Value, deadline: Instant) -> Result<Value, Error> {
        let invocation = Invocation { function_arn: &self.function, deadline };
        let response = handler::handle(&self.notifier, event, &invocation).await?;
        Ok(serde_json::to_value(response).unwrap())
    }

    /// Invokes the function and gives the one entry of its response.
    pub(crate) async fn invoke(&self, event: &Value) -> Result<Value, Error> {
        self.invoke_until(event, Instant::now() + self.time).await
    }

    /// Invokes the function, which has time until then.
    pub(crate) async fn invoke_until(&self, event: &Value, deadline: Instant) -> Result<Value, Error> {
        let response = self.reply_until(event, deadline).await?;
        let operations = response["operations"].as_array().unwrap();
        assert_eq!(operations.len(), 1, "{response}");
        Ok(operations[0].clone())
    }

    /// Invokes the function with the end of [`OPERATION`].
    pub(crate) async fn ended(&self, status: &str) -> Result<Value, Error> {
        self.invoke(&event(&stack_set().arn(), OPERATION, status)).await
    }

    /// Reports [`OPERATION`] and gives the JSON document that subscribers get.
    pub(crate) async fn report(&self, status: &str) -> Value {
        let done = self.ended(status).await.unwrap();
        assert_eq!(done["action"], "published", "{done}");
        self.document()
    }

    pub(crate) fn published(&self) -> Published {
        let mut all = self.aws.published();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    pub(crate) fn document(&self) -> Value {
        let document = serde_json::from_str(&self.published().body("sqs").unwrap()).unwrap();
        crate::schema::check(&document);
        document
    }

    /// What was called, apart from names.
    pub(crate) fn actions(&self) -> Vec<String> {
        let requests = self.aws.requests().into_iter().filter(|request| request.service != "organizations");
        requests.map(|request| request.action).collect()
    }
}

/// Those of a function that finds all of AWS at one endpoint.
pub(crate) fn sdk_settings(url: &str) -> SdkSettings {
    SdkSettings { region: REGION.to_owned(), endpoint: Some(url.to_owned()), ..SdkSettings::default() }
}

pub(crate) fn stack_set() -> StackSet {
    StackSet::self_managed("baseline", MANAGEMENT, REGION)
}

pub(crate) fn operation(status: &str, rows: Vec<Row>) -> Operation {
    Operation::new(OPERATION).action("UPDATE").status(status).rows(rows)
}

/// The event in its documented form.
pub(crate) fn event(arn: &str, operation: &str, status: &str) -> Value {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap(), parts.next().unwrap());
    json!({
        "version": "0",
        "id": "4de89905-fd92-6a6b-9509-23c04bcb6a21",
        "detail-type": "CloudFormation StackSet Operation Status Change",
        "source": "aws.cloudformation",
        "account": account,
        "time": "2026-11-20T05:46:24Z",
        "region": region,
        "resources": [arn],
        "detail": {
            "stack-set-arn": arn,
            "stack-set-operation-id": operation,
            "status-details": {"status": status},
        },
    })
}

/// An account id for a number.
pub(crate) fn account(n: usize) -> String {
    format!("{:012}", 200_000_000_000 + n)
}
