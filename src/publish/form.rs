//! The request that publishes a message, in no more room than it needs.

use aws_sdk_sns::error::BoxError;
use aws_sdk_sns::operation::publish::{Publish, PublishInput};
use aws_smithy_runtime_api::client::interceptors::context::Input;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_runtime_api::client::ser_de::{SerializeRequest, SharedRequestSerializer};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, FrozenLayer};
use urlencoding::Encoded;

const MESSAGE: &str = "&Message=";

/// Has the SDK write the request, all but the message's text: that it would encode into one buffer
/// and copy into another, each half as large again as the text, which alone set the function's peak.
#[derive(Debug)]
pub(super) struct Form {
    /// Has what the SDK writes requests by.
    sdk: Option<FrozenLayer>,
}

impl Default for Form {
    fn default() -> Self {
        Self { sdk: Publish::new().config() }
    }
}

impl SerializeRequest for Form {
    fn serialize_input(&self, mut input: Input, config: &mut ConfigBag) -> Result<HttpRequest, BoxError> {
        let sdk = self.sdk.as_ref().and_then(|layer| layer.load::<SharedRequestSerializer>());
        let sdk = sdk.ok_or("the SDK writes no requests for this operation")?;
        let text = input.downcast_mut::<PublishInput>().and_then(|input| input.message.take());
        let mut request = sdk.serialize_input(input, config)?;
        if let Some(text) = text {
            let rest = request.body().bytes().ok_or("the SDK's request has no body")?;
            // A byte takes three at most; room that is not written to is never given.
            let mut form = String::with_capacity(rest.len() + MESSAGE.len() + 3 * text.len());
            form.push_str(std::str::from_utf8(rest)?);
            form.push_str(MESSAGE);
            Encoded::new(&text).append_to(&mut form);
            request.headers_mut().insert("content-length", form.len().to_string());
            *request.body_mut() = SdkBody::from(form);
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SDK's, with the message at another place.
    #[test]
    fn the_form_is_the_sdk_s() {
        let texts = ["", "plain-._~", "{\"default\":\"a b & c = d % ü \u{1F600}\n\"}"];
        for text in texts {
            let input = PublishInput::builder().topic_arn("arn:t").subject("s & t").message(text).build().unwrap();
            let mut bag = ConfigBag::base();
            let layer = Publish::new().config().unwrap();
            let sdk = layer.load::<SharedRequestSerializer>().unwrap();
            let theirs = sdk.serialize_input(Input::erase(input.clone()), &mut bag).unwrap();
            let ours = Form::default().serialize_input(Input::erase(input), &mut bag).unwrap();
            assert_eq!(parameters(&ours), parameters(&theirs));
            assert_eq!(ours.method(), theirs.method());
            assert_eq!(ours.uri(), theirs.uri());
            let headers = |request: &HttpRequest| {
                request.headers().iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
            };
            assert_eq!(headers(&ours), headers(&theirs));
        }
    }

    fn parameters(request: &HttpRequest) -> Vec<&str> {
        let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
        let mut parameters: Vec<&str> = body.split('&').collect();
        parameters.sort_unstable();
        parameters
    }
}
