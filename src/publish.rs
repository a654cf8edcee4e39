//! Message -> SNS.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Region;
use aws_sdk_sns::config::interceptors::InterceptorContext;
use aws_sdk_sns::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;
use tokio::time::{Instant, timeout_at};

use crate::aws;
use crate::config::Topic;
use crate::error::Error;
use crate::render::Message;

/// The SDK does not know that a throttled key is worth another try.
#[derive(Debug)]
struct KmsThrottling;

impl ClassifyRetry for KmsThrottling {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|error| error.as_operation_error());
        let code = error.and_then(|error| error.downcast_ref::<PublishError>()).and_then(|error| error.meta().code());
        match code {
            Some("KMSThrottling" | "KMSThrottlingException") => RetryAction::throttling_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "KmsThrottling"
    }
}

/// Publishes to one topic.
#[derive(Debug, Clone)]
pub struct Publisher {
    client: Client,
    topic: Topic,
}

impl Publisher {
    /// A publisher over the shared settings, in the topic's own Region.
    pub fn new(config: &SdkConfig, topic: Topic) -> Self {
        let regional = aws_sdk_sns::config::Builder::from(config)
            .region(Region::new(topic.region.clone()))
            .retry_classifier(KmsThrottling)
            .build();
        Self { client: Client::from_conf(regional), topic }
    }

    /// Publishes one message, by `until` at the latest, and gives SNS's message id.
    ///
    /// # Errors
    /// [`Error::Publish`] that names the topic and AWS's code, message and request id.
    pub async fn publish(&self, message: &Message, until: Instant) -> Result<String, Error> {
        let failed = |cause: String| Error::Publish(format!("could not publish to topic {}: {cause}", self.topic.arn));
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.topic.arn)
            .subject(&message.subject)
            .message_structure("json")
            .message(&message.body);
        for attribute in &message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type(attribute.data_type)
                .string_value(&attribute.value)
                .build()
                .map_err(|error| failed(error.to_string()))?;
            request = request.message_attributes(attribute.name, value);
        }
        let patience = aws_sdk_sns::Config::builder().retry_partition(aws::patience());
        let Ok(answer) = timeout_at(until, request.customize().config_override(patience).send()).await else {
            return Err(failed("the function's time ran out".to_owned()));
        };
        let answer = answer.map_err(|error| failed(aws::cause(&error)))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}
