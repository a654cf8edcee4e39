//! Report -> message: one SNS message whose bodies each suit their reader.
//!
//! Pure: the report in, bytes out.

mod budget;
mod chat;
pub mod digest;
mod subject;
mod text;
mod words;

use std::io;

use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::Error;
use crate::report::Report;

/// SNS's limit for bodies and attributes together, in bytes
/// ([Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)).
pub const MESSAGE_LIMIT: usize = 262_144;

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

/// Makes the message of a report; what does not fit is left out and counted.
///
/// # Errors
/// [`Error::Render`] if even the shortest form of the report is larger than SNS takes.
pub fn message(report: &Report) -> Result<Message, Error> {
    let mut people = People::of(report)?;
    let mut shorter = budget::shorter_ones(report);
    while people.size > MESSAGE_LIMIT / 2
        && let Some(report) = shorter.next()
    {
        people = People::of(&report)?;
    }
    let document = budget::largest_that_fits(report, MESSAGE_LIMIT, |document| people.size_with(document))?;
    let message = people.around(&to_json(report, &document)?)?;
    debug_assert_eq!(message.size(), people.size_with(&document)?, "what was counted is what is sent");
    Ok(message)
}

/// The parts that people read. They have limits of their own, so they tell of the whole report
/// however much of it the document leaves out.
struct People {
    subject: String,
    text: Box<RawValue>,
    chat: Box<RawValue>,
    sms: Box<RawValue>,
    attributes: Vec<Attribute>,
    /// Bytes in a message, without the document.
    size: usize,
}

impl People {
    fn of(report: &Report) -> Result<Self, Error> {
        let mut people = Self {
            subject: subject::subject(report),
            text: quoted(&text::text(report))?,
            chat: quoted(&to_json(report, &chat::notification(report))?)?,
            sms: quoted(&subject::sms(report))?,
            attributes: attributes(report),
            size: 0,
        };
        people.size = people.around("")?.size();
        Ok(people)
    }

    /// Bytes of the message with this document, which is not put together for that.
    fn size_with(&self, document: &Report) -> Result<usize, Error> {
        let mut escaped = Escaped(0);
        serde_json::to_writer(&mut escaped, document).map_err(unwritten)?;
        Ok(self.size + 3 * escaped.0)
    }

    /// The message with a document that may be shorter than what people read.
    fn around(&self, document: &str) -> Result<Message, Error> {
        let body = Bodies::of(&self.text, &self.chat, &self.sms, &quoted(document)?).to_json()?;
        Ok(Message { subject: self.subject.clone(), body, attributes: self.attributes.clone() })
    }
}

/// Counts the bytes that JSON takes as a string within JSON, where quotes and backslashes are escaped;
/// there are no control characters in it.
struct Escaped(usize);

impl io::Write for Escaped {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        self.0 += json.len() + json.iter().filter(|&&byte| byte == b'"' || byte == b'\\').count();
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body for each protocol
/// ([Publish](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html), `MessageStructure`).
#[derive(Serialize)]
struct Bodies<'a> {
    default: &'a RawValue,
    email: &'a RawValue,
    http: &'a RawValue,
    https: &'a RawValue,
    lambda: &'a RawValue,
    sms: &'a RawValue,
    sqs: &'a RawValue,
}

impl<'a> Bodies<'a> {
    fn of(text: &'a RawValue, chat: &'a RawValue, sms: &'a RawValue, document: &'a RawValue) -> Self {
        Self { default: text, email: text, http: document, https: chat, lambda: document, sms, sqs: document }
    }

    fn to_json(&self) -> Result<String, Error> {
        let length = |body: &RawValue| body.get().len();
        let all = 2 * length(self.email) + length(self.https) + length(self.sms) + 3 * length(self.sqs);
        // Room for it all at once: growing would take up to three times as much for a moment.
        let mut json = Vec::with_capacity(all + 128);
        serde_json::to_writer(&mut json, self).map_err(unwritten)?;
        String::from_utf8(json).map_err(unwritten)
    }
}

/// A text as a JSON string: it is escaped once, however many bodies it is.
fn quoted(text: &str) -> Result<Box<RawValue>, Error> {
    to_raw_value(text).map_err(unwritten)
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
        let value = words::plain(value);
        if !value.is_empty() {
            list.push(Attribute { name, data_type: "String", value });
        }
    };
    text("schemaVersion", report.schema_version);
    text("outcome", report.outcome.as_str());
    text("stackSetName", &report.stack_set.name);
    text("action", report.operation.action.as_deref().unwrap_or_default());
    // An empty array matches no filter, so it is left out too.
    if !report.causes.is_empty() {
        let codes: Vec<&str> = report.causes.iter().map(|cause| cause.code).collect();
        list.push(Attribute { name: "causes", data_type: "String.Array", value: json!(codes).to_string() });
    }
    list
}
