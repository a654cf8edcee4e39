//! A small HTTP client: one request for each connection.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use sandbox::Aws;
use serde_json::Value;

/// The response to a request.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    /// The contents of all elements with this name, still escaped.
    pub(crate) fn all(&self, element: &str) -> Vec<&str> {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        self.body.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).collect()
    }

    pub(crate) fn one(&self, element: &str) -> Option<&str> {
        self.all(element).first().copied()
    }

    /// Status, code and message of an error document.
    pub(crate) fn error(&self) -> (u16, &str, &str) {
        assert!(self.body.starts_with("<ErrorResponse"), "{self:?}");
        (self.status, self.one("Code").unwrap(), self.one("Message").unwrap())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Sends a request and reads until the server closes the connection; `None` if there was no status line.
pub(crate) fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Response> {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    // A reset ends the response too; what came before it is kept.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Response { status: head.split(' ').nth(1)?.parse().unwrap(), head: head.to_owned(), body: body.to_owned() })
}

/// Who signs a request, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) region: &'static str,
    pub(crate) access_key: String,
    /// The session token, for credentials that need one.
    pub(crate) token: Option<String>,
}

impl Signer {
    /// The function's own credentials.
    pub(crate) fn function(region: &'static str) -> Self {
        Self { region, access_key: "AKIDEXAMPLE".to_owned(), token: None }
    }

    /// The credentials in a response of `AssumeRole`.
    pub(crate) fn session(region: &'static str, response: &Response) -> Self {
        let text = |name: &str| response.one(name).unwrap().to_owned();
        Self { region, access_key: text("AccessKeyId"), token: Some(text("SessionToken")) }
    }

    /// Calls an action of a Query service.
    pub(crate) fn call(&self, aws: &Aws, action: &str, params: &[(&str, &str)]) -> Option<Response> {
        let (service, version) = match action {
            "Publish" => ("sns", "2010-03-31"),
            "AssumeRole" => ("sts", "2011-06-15"),
            _ => ("cloudformation", "2010-05-15"),
        };
        let mut form = format!("Action={action}&Version={version}");
        for (name, value) in params {
            form.push_str(&format!("&{}={}", encode(name), encode(value)));
        }
        self.send(aws, service, &[("Content-Type", "application/x-www-form-urlencoded")], &form)
    }

    /// Calls an action of a JSON service: the status and the document.
    pub(crate) fn call_json(&self, aws: &Aws, service: &str, target: &str, request: &Value) -> (u16, Value) {
        let version = if service == "dynamodb" { "1.0" } else { "1.1" };
        let content_type = format!("application/x-amz-json-{version}");
        let headers = [("X-Amz-Target", target), ("Content-Type", &content_type)];
        let answer = self.send(aws, service, &headers, &request.to_string()).expect("a response");
        assert_eq!(answer.header("content-type"), Some(&*content_type));
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    fn send(&self, aws: &Aws, service: &str, headers: &[(&str, &str)], body: &str) -> Option<Response> {
        let signature = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260302/{}/{service}/aws4_request, SignedHeaders=host, Signature=00",
            self.access_key, self.region
        );
        let mut headers = headers.to_vec();
        headers.push(("Authorization", &signature));
        if let Some(token) = &self.token {
            headers.push(("X-Amz-Security-Token", token));
        }
        send(&aws.url().replace("http://", ""), "POST", "/", &headers, body)
    }
}

/// Calls an action in a Region.
pub(crate) fn call_in(aws: &Aws, region: &'static str, action: &str, params: &[(&str, &str)]) -> Option<Response> {
    Signer::function(region).call(aws, action, params)
}

/// Calls an action in us-east-1 and expects a response.
pub(crate) fn call(aws: &Aws, action: &str, params: &[(&str, &str)]) -> Response {
    call_in(aws, "us-east-1", action, params).expect("a response")
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
