//! Report -> message: one SNS message whose bodies each suit their reader.
//!
//! Pure: the report in, bytes out.

mod chat;
pub mod digest;
mod email;
mod names;
mod subject;
mod truncation;
pub mod wording;

pub use names::names_wanted;

use serde::Serialize;

use crate::error::Error;
use crate::report::Report;

/// SNS's limit for bodies and attributes together, in bytes
/// ([Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)).
pub const MESSAGE_LIMIT: usize = 262_144;

/// Bytes of a message that are always there for the document.
pub const DOCUMENT_LEAST: usize = 180_000;

/// What goes to SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// One line, at most 99 characters, no account id.
    pub subject: String,
    /// The bodies by protocol, as a JSON object for `MessageStructure=json`.
    pub body: String,
    /// For subscribers' filter policies.
    pub attributes: Vec<Attribute>,
}

/// One SNS message attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Name.
    pub name: &'static str,
    /// `String` or `String.Array`.
    pub data_type: &'static str,
    /// Value; a JSON array for `String.Array`.
    pub value: String,
}

impl Message {
    /// Bytes that count towards [`MESSAGE_LIMIT`].
    pub fn size(&self) -> usize {
        let attribute = |a: &Attribute| a.name.len() + a.data_type.len() + a.value.len();
        self.subject.len() + self.body.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// What the body for `https` is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpsBody {
    /// The chat notification: Amazon Q Developer in chat applications subscribes by HTTPS.
    #[default]
    Chat,
    /// The JSON document, for webhooks.
    Document,
}

/// Makes the message of a report; what does not fit is left out and counted.
///
/// # Errors
/// [`Error::Render`] if even the shortest form of the report is larger than SNS takes.
pub fn message(report: &Report, https: HttpsBody) -> Result<Message, Error> {
    let (bodies, document) = bodies(report, https)?;
    bodies.message(&document)
}

/// The JSON document of a report's message: what subscribers get that are no people.
///
/// # Errors
/// As for [`message`].
pub fn document(report: &Report) -> Result<String, Error> {
    Ok(bodies(report, HttpsBody::default())?.1)
}

/// The parts for people, and the document that fits beside them.
fn bodies(report: &Report, https: HttpsBody) -> Result<(HumanBodies, String), Error> {
    let mut bodies = HumanBodies::of(report, https)?;
    let mut shorter = truncation::shorter_ones(report);
    while bodies.size()? > MESSAGE_LIMIT - DOCUMENT_LEAST
        && let Some(report) = shorter.next()
    {
        bodies = HumanBodies::of(&report, https)?;
    }
    let rest = bodies.size()?;
    let size_with = |document: &Report| Ok(rest + escaped_size(&to_json(report, document)?)?);
    let document = truncation::largest_that_fits(report, MESSAGE_LIMIT, size_with)?;
    let document = to_json(report, document.as_ref())?;
    Ok((bodies, document))
}

/// The parts that people read, and the attributes. They have limits of their own, so they are about the
/// whole report however much of it the document leaves out.
pub(super) struct HumanBodies {
    pub(super) subject: String,
    pub(super) email: String,
    /// `None` where the document goes to `https` too.
    pub(super) chat: Option<String>,
    pub(super) sms: String,
    pub(super) attributes: Vec<Attribute>,
}

impl HumanBodies {
    fn of(report: &Report, https: HttpsBody) -> Result<Self, Error> {
        let chat = (https == HttpsBody::Chat).then(|| to_json(report, &chat::notification(report))).transpose()?;
        Ok(Self {
            subject: subject::subject(report),
            email: email::email(report),
            chat,
            sms: subject::sms(report),
            attributes: attributes(report),
        })
    }

    /// Bytes of a message, apart from the document.
    fn size(&self) -> Result<usize, Error> {
        Ok(self.message("")?.size())
    }

    /// The message with this document.
    pub(super) fn message(&self, document: &str) -> Result<Message, Error> {
        let bodies = Bodies { default: document, email: &self.email, https: self.chat.as_deref(), sms: &self.sms };
        let body = serde_json::to_string(&bodies).map_err(unwritten)?;
        Ok(Message { subject: self.subject.clone(), body, attributes: self.attributes.clone() })
    }
}

/// A body for each protocol; `default` is for all that are not named
/// ([Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html), `MessageStructure`).
#[derive(Serialize)]
struct Bodies<'a> {
    default: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    https: Option<&'a str>,
    sms: &'a str,
}

/// Bytes of a text as a JSON string within a message, without its quotes.
fn escaped_size(text: &str) -> Result<usize, Error> {
    Ok(serde_json::to_string(text).map_err(unwritten)?.len() - 2)
}

fn unwritten(error: impl std::fmt::Display) -> Error {
    Error::Render(format!("could not write the message: {error}"))
}

fn to_json(report: &Report, value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| {
        Error::Render(format!("could not write the report of operation {}: {error}", report.operation.id))
    })
}

fn attributes(report: &Report) -> Vec<Attribute> {
    let mut list = Vec::new();
    let mut text = |name, value: &str| {
        // SNS refuses an empty value.
        let value = wording::plain(value);
        if !value.is_empty() {
            list.push(Attribute { name, data_type: "String", value });
        }
    };
    text("schemaVersion", report.schema_version);
    text("severity", report.severity.as_str());
    text("outcome", report.outcome.as_str());
    text("stackSetName", &report.stack_set.name);
    text("action", report.operation.action.as_deref().unwrap_or_default());
    // An empty array matches no filter, so it is left out too.
    if !report.causes.is_empty() {
        let codes: Vec<&str> = report.causes.iter().map(|cause| cause.code).collect();
        list.push(causes_attribute(&codes));
    }
    list
}

/// Codes as a JSON array; a code needs no escaping.
fn causes_attribute(codes: &[&str]) -> Attribute {
    Attribute { name: "causes", data_type: "String.Array", value: format!("[\"{}\"]", codes.join("\",\"")) }
}
