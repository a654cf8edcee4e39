//! Message -> SNS.

use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Region;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::aws;
use crate::config::Topic;
use crate::error::Error;
use crate::render::Message;

/// Publishes to one topic.
#[derive(Debug, Clone)]
pub struct Publisher {
    client: Client,
    topic: Topic,
}

impl Publisher {
    /// A publisher over the shared settings, in the topic's own Region.
    pub fn new(config: &SdkConfig, topic: Topic) -> Self {
        let regional = aws_sdk_sns::config::Builder::from(config).region(Region::new(topic.region.clone())).build();
        Self { client: Client::from_conf(regional), topic }
    }

    /// Publishes one message and gives SNS's message id.
    ///
    /// # Errors
    /// [`Error::Publish`] that names the topic and AWS's code, message and request id.
    pub async fn publish(&self, message: &Message) -> Result<String, Error> {
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
        let answer = request.send().await.map_err(|error| failed(aws::cause(&error)))?;
        Ok(answer.message_id.unwrap_or_default())
    }
}
