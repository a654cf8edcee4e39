//! Message -> SNS.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::interceptors::FinalizerInterceptorContextMut;
use aws_sdk_sns::config::timeout::TimeoutConfig;
use aws_sdk_sns::config::{ConfigBag, Intercept, Region, RuntimeComponents};
use aws_sdk_sns::error::{BoxError, SdkError};
use aws_sdk_sns::operation::publish::{PublishError, PublishOutput};
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_runtime_api::client::interceptors::context::Output;
use tokio::time::{Instant, timeout_at};

use crate::aws;
use crate::config::Topic;
use crate::error::Error;
use crate::render::Message;

const OUT_OF_TIME: &str = "the function's time ran out";
/// What the SDK gets to end a call whose time is over.
const FINISH: Duration = Duration::from_millis(200);

/// Takes an answer with a status of success for one, whatever became of its body: the message is
/// accepted then, and another attempt would send it twice.
#[derive(Debug)]
struct AcceptedIsSent;

impl Intercept for AcceptedIsSent {
    fn name(&self) -> &'static str {
        "AcceptedIsSent"
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let accepted = context.response().is_some_and(|answer| answer.status().is_success());
        if let Some(outcome @ Err(_)) = context.output_or_error_mut().filter(|_| accepted) {
            *outcome = Ok(Output::erase(PublishOutput::builder().build()));
        }
        Ok(())
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
            .retry_classifier(aws::Refusals::<PublishError>::of())
            .retry_partition(aws::no_retry_quota("SNS"))
            .interceptor(AcceptedIsSent)
            .build();
        Self { client: Client::from_conf(regional), topic }
    }

    /// Publishes one message, by `until` at the latest, and gives SNS's message id, if SNS gave one.
    ///
    /// # Errors
    /// [`Error::Publish`] that names the topic and AWS's code, message and request id.
    pub async fn publish(&self, message: Message, until: Instant) -> Result<Option<String>, Error> {
        let failed = |cause: String| Error::Publish(format!("could not publish to topic {}: {cause}", self.topic.arn));
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.topic.arn)
            .subject(message.subject)
            .message_structure("json")
            .message(message.body);
        for attribute in message.attributes {
            let value = MessageAttributeValue::builder()
                .data_type(attribute.data_type)
                .string_value(attribute.value)
                .build()
                .map_err(|error| failed(error.to_string()))?;
            request = request.message_attributes(attribute.name, value);
        }
        // The SDK's own limit, unlike one from outside, lets `AcceptedIsSent` see an answer that has only begun.
        let left = until.saturating_duration_since(Instant::now());
        let timeouts = TimeoutConfig::builder().operation_timeout(left).build();
        let own = aws_sdk_sns::Config::builder().timeout_config(timeouts);
        let Ok(answer) = timeout_at(until + FINISH, request.customize().config_override(own).send()).await else {
            return Err(failed(OUT_OF_TIME.to_owned()));
        };
        let answer = answer.map_err(|error| {
            if matches!(error, SdkError::TimeoutError(_)) && Instant::now() >= until {
                return failed(OUT_OF_TIME.to_owned());
            }
            let needed = match aws::code(&error) {
                Some("AuthorizationError" | "AccessDenied" | "AccessDeniedException") => {
                    "; the function's role needs sns:Publish on this topic"
                }
                Some("KMSAccessDenied" | "KMSAccessDeniedException") => {
                    "; the function's role needs kms:GenerateDataKey and kms:Decrypt on the topic's key"
                }
                _ => "",
            };
            failed(aws::cause(&error) + needed)
        })?;
        Ok(answer.message_id.filter(|id| !id.is_empty()))
    }
}
