//! Errors as the services word them, and the envelope of a Query answer.

use serde_json::{Value, json};

use crate::xml;

/// The error that a call is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// A further member of the JSON document, with its name.
    member: Option<(&'static str, Value)>,
}

impl ServiceError {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), member: None }
    }

    pub(crate) fn with(self, name: &'static str, value: Value) -> Self {
        Self { member: Some((name, value)), ..self }
    }

    pub(crate) fn validation(message: &str) -> Self {
        Self::new(400, "ValidationError", message)
    }

    /// The wording that AWS has for a member that breaks its model.
    pub(crate) fn constraint(value: &str, member: &str, constraint: &str) -> Self {
        Self::validation(&format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {constraint}"
        ))
    }

    pub(crate) fn to_xml(&self, namespace: &str, request_id: &str) -> String {
        let kind = if self.status < 500 { "Sender" } else { "Receiver" };
        let mut out = format!("<ErrorResponse xmlns=\"{namespace}\"><Error>");
        xml::element(&mut out, "Type", kind);
        xml::element(&mut out, "Code", &self.code);
        xml::element(&mut out, "Message", &self.message);
        out.push_str("</Error>");
        xml::element(&mut out, "RequestId", request_id);
        out.push_str("</ErrorResponse>\n");
        out
    }

    pub(crate) fn to_json(&self, prefix: &str, message_member: &str) -> String {
        let mut document = json!({"__type": format!("{prefix}{}", self.code), message_member: self.message});
        if let Some((name, value)) = &self.member {
            document[*name] = value.clone();
        }
        document.to_string()
    }
}

/// The document around the result of an action.
pub(crate) fn envelope(namespace: &str, action: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>\n"
    )
}
