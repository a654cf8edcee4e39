//! HTTP/1.1 with as little work as can be: what a job costs that only asks and throws away.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// One message of a connection; its buffers are used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// The start line and the headers, the empty line included.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    buffer: Vec<u8>,
}

impl Exchange {
    /// Reads the next message; `false` where the connection ends before it.
    pub(crate) fn receive(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        self.buffer.clear();
        let mut chunk = [0; 16 * 1024];
        let end = loop {
            let read = stream.read(&mut chunk)?;
            if read == 0 {
                return Ok(false);
            }
            self.buffer.extend_from_slice(&chunk[..read]);
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        self.head.clear();
        self.head.push_str(&String::from_utf8_lossy(&self.buffer[..end]));
        let length = self.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        self.body.clear();
        self.body.extend_from_slice(&self.buffer[end..]);
        let begun = self.body.len();
        self.body.resize(length, 0);
        stream.read_exact(&mut self.body[begun..])?;
        Ok(true)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A connection that is asked one thing after the other.
pub(crate) struct Client {
    host: String,
    stream: TcpStream,
    exchange: Exchange,
}

impl Client {
    pub(crate) fn to(host: &str) -> Self {
        let stream = TcpStream::connect(host).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { host: host.to_owned(), stream, exchange: Exchange::default() }
    }

    /// One call of AWS's Query protocol, as an SDK would sign it.
    pub(crate) fn query(&mut self, service: &str, form: &str) -> &Exchange {
        let headers = format!(
            "content-type: application/x-www-form-urlencoded\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=AKIDBENCH/20260302/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n"
        );
        self.ask("POST", "/", &headers, form)
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> &Exchange {
        let host = &self.host;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).unwrap();
        assert!(self.exchange.receive(&mut self.stream).unwrap(), "{host} hung up");
        &self.exchange
    }
}

/// The token that a page of results hands out.
pub(crate) fn next_token(page: &[u8]) -> Option<String> {
    let begin = memchr::memmem::rfind(page, b"<NextToken>")? + "<NextToken>".len();
    let end = memchr::memmem::find(&page[begin..], b"<")?;
    Some(String::from_utf8_lossy(&page[begin..begin + end]).into_owned())
}

/// The texts of all elements of one name.
pub(crate) fn texts(page: &[u8], element: &str) -> Vec<String> {
    let (open, page) = (format!("<{element}>"), String::from_utf8_lossy(page));
    page.split(&open).skip(1).filter_map(|rest| Some(rest.split_once('<')?.0.to_owned())).collect()
}
