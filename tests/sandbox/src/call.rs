//! A call as it comes: a signed form (the AWS Query protocol) or JSON.

use hyper::http::{HeaderMap, header::AUTHORIZATION};
use serde_json::Value;

use crate::error::ServiceError;

/// One call, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) action: String,
    pub(crate) region: String,
    pub(crate) access_key: String,
    /// The header `X-Amz-Security-Token`, without which credentials of a session are not valid.
    pub(crate) session_token: String,
    pub(crate) params: Vec<(String, String)>,
    /// The body of a JSON protocol.
    pub(crate) json: Value,
}

impl Call {
    /// Reads the body and the credential scope; an unsigned request has an empty service.
    pub(crate) fn new(headers: &HeaderMap, body: &[u8]) -> Self {
        // `DynamoDB_20120810.UpdateItem`: the JSON protocols name the action in a header.
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let target = header("x-amz-target");
        let target = target.and_then(|target| target.rsplit_once('.')).map(|(_, action)| action.to_owned());
        let (params, json) = match target {
            None => (decode_form(body), Value::Null),
            Some(_) => {
                let json: Value = serde_json::from_slice(body).unwrap_or_default();
                (members(&json), json)
            }
        };
        let action = target.unwrap_or_else(|| {
            params.iter().find(|(name, _)| name == "Action").map(|(_, value)| value.clone()).unwrap_or_default()
        });
        let scope = credential_scope(headers).unwrap_or_default();
        let mut parts = scope.split('/').map(str::to_owned);
        let access_key = parts.next().unwrap_or_default();
        let region = parts.nth(1).unwrap_or_default();
        let service = parts.next().unwrap_or_default();
        let session_token = header("x-amz-security-token").unwrap_or_default().to_owned();
        Self { service, action, region, access_key, session_token, params, json }
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that the call must have.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ServiceError> {
        self.param(name).ok_or_else(|| {
            ServiceError::validation(&format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower_first(name)
            ))
        })
    }
}

/// `AKID/20260302/us-east-1/cloudformation/aws4_request` out of the Authorization header.
///
/// The signature is not checked: that would test the SDK.
fn credential_scope(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let credential = header
        .strip_prefix("AWS4-HMAC-SHA256 ")?
        .split(',')
        .find_map(|part| part.trim().strip_prefix("Credential="))?;
    let whole = credential.split('/').count() == 5 && credential.ends_with("/aws4_request");
    whole.then(|| credential.to_owned())
}

/// The members of a JSON body as parameters; values other than strings are written as JSON.
fn members(body: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    body.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn decode_form(body: &[u8]) -> Vec<(String, String)> {
    body.split(|&byte| byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let name = halves.next().unwrap_or_default();
            let value = halves.next().unwrap_or_default();
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(encoded: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match tail.get(..2).and_then(hex) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = &tail[2..];
                }
                None => bytes.push(b'%'),
            },
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let mut value = 0;
    for &digit in digits {
        value = value * 16 + char::from(digit).to_digit(16)?;
    }
    u8::try_from(value).ok()
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase().to_string() + chars.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hyper::http::{HeaderMap, HeaderValue};

    use super::Call;

    #[test]
    fn a_call_is_decoded() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "authorization",
            HeaderValue::from_static(
                "AWS4-HMAC-SHA256 Credential=AKID/20260302/eu-west-1/sns/aws4_request, SignedHeaders=host, Signature=0",
            ),
        );
        let call = Call::new(&headers, b"Action=Publish&Message=a+b%26c%C3%A9%zz&Empty=");
        assert_eq!(
            (&*call.action, &*call.service, &*call.region, &*call.access_key),
            ("Publish", "sns", "eu-west-1", "AKID")
        );
        assert_eq!(call.param("Message"), Some("a b&cé%zz"));
        assert_eq!(call.param("Empty"), Some(""));
        assert_eq!(call.param("Subject"), None);
    }

    #[test]
    fn an_unsigned_call_has_no_service() {
        assert_eq!(Call::new(&HeaderMap::new(), b"Action=Publish").service, "");
    }
}
