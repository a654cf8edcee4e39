//! The AWS of the benchmark: answers recorded from the loopback AWS and played back as bytes.
//!
//! It runs in a process of its own and does next to nothing per call, so that what is measured is the
//! client.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sandbox::{Aws, loopback_tls};

use crate::http::{self, Exchange};
use crate::work::{self, Job};

/// Serves until the standard input ends; prints its endpoints and its CA's certificate file on one line.
pub(crate) fn serve(targets: usize, page_latency: Duration, ca_file: &str) {
    let aws = Aws::start_in_thread(work::scenario(targets));
    let mut answers = record(&aws, page_latency);
    drop(aws);
    let aws = Aws::start_in_thread(work::swept(targets));
    record_sweep(&aws, &mut answers);
    drop(aws);
    let answers = Arc::new(Recorded { answers, asked: AtomicU64::new(0) });
    let (tls, authority) = loopback_tls();
    std::fs::write(ca_file, authority).unwrap();
    let tls = Arc::new(tls);
    // CloudFormation and SNS are two hosts, so a client needs a connection to each.
    let addresses = [None, None, Some(Arc::clone(&tls)), Some(tls)].map(|tls| listen(Arc::clone(&answers), tls));
    println!("{}", addresses.join(" "));
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
}

/// One recorded answer, and how long it takes.
struct Answer {
    bytes: Vec<u8>,
    latency: Duration,
}

/// All answers, by what differs between calls.
type Answers = HashMap<String, Answer>;

/// All answers, and how often CloudFormation and SNS were asked.
struct Recorded {
    answers: Answers,
    asked: AtomicU64,
}

/// The action, what it is about, and the page's token.
fn key(form: &[u8]) -> String {
    let pair = |name: &&str| {
        form.split(|&byte| byte == b'&').find_map(|pair| pair.strip_prefix(name.as_bytes())).unwrap_or_default()
    };
    let names = ["Action=", "StackSetName=", "OperationId=", "NextToken="];
    decoded(&names.iter().map(pair).collect::<Vec<_>>().join(&b' '))
}

/// Undoes percent-encoding, as far as tokens and ids need it.
fn decoded(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    ["+", "/", "=", ":"]
        .iter()
        .fold(text.into_owned(), |text, &sign| text.replace(&format!("%{:02X}", sign.as_bytes()[0]), sign))
}

fn keep(answers: &mut Answers, form: &str, exchange: &Exchange, latency: Duration) {
    assert!(exchange.head.starts_with("HTTP/1.1 200"), "{form}: {}", exchange.head);
    let bytes = [exchange.head.as_bytes(), &exchange.body].concat();
    let before = answers.insert(key(form.as_bytes()), Answer { bytes, latency });
    assert!(before.is_none(), "{form} is recorded already");
}

fn record(aws: &Aws, page_latency: Duration) -> Answers {
    let mut answers = HashMap::new();
    let url = aws.url();
    let host = url.trim_start_matches("http://");
    let mut keep = |form: &str, exchange: &Exchange, latency| keep(&mut answers, form, exchange, latency);
    let mut cloudformation = http::Client::to(host);
    for job in Job::ALL {
        let latency = if job == Job::Slow { page_latency } else { Duration::ZERO };
        let describe = work::describe_form(job);
        keep(&describe, cloudformation.query("cloudformation", &describe), Duration::ZERO);
        let mut token = Some(String::new());
        while let Some(asked) = token {
            let form = work::page_form(job, &asked);
            let exchange = cloudformation.query("cloudformation", &form);
            token = http::next_token(&exchange.body);
            keep(&form, exchange, latency);
        }
    }
    // None of them is one that another is compared with.
    let listed = work::operations_form(work::NAME);
    keep(&listed, cloudformation.query("cloudformation", &listed), Duration::ZERO);
    let publish = work::publish_form();
    keep(&publish, http::Client::to(host).query("sns", &publish), Duration::ZERO);
    answers
}

/// What a sweep and those who make the same calls ask for.
fn record_sweep(aws: &Aws, answers: &mut Answers) {
    let url = aws.url();
    let mut cloudformation = http::Client::to(url.trim_start_matches("http://"));
    let mut token = Some(String::new());
    while let Some(asked) = token {
        let form = work::stack_sets_form(&asked);
        let exchange = cloudformation.query("cloudformation", &form);
        token = http::next_token(&exchange.body);
        keep(answers, &form, exchange, Duration::ZERO);
        for stack_set in http::texts(&exchange.body, "StackSetId") {
            let form = work::operations_form(&stack_set);
            let exchange = cloudformation.query("cloudformation", &form);
            keep(answers, &form, exchange, Duration::ZERO);
            for operation in http::texts(&exchange.body, "OperationId").iter().filter(|id| id.starts_with(work::DUE)) {
                for form in work::due_forms(&stack_set, operation) {
                    keep(answers, &form, cloudformation.query("cloudformation", &form), Duration::ZERO);
                }
            }
        }
    }
}

/// Serves each connection on a thread of its own; gives the address.
fn listen(answers: Arc<Recorded>, tls: Option<Arc<ServerConfig>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let (answers, tls) = (Arc::clone(&answers), tls.clone());
            thread::spawn(move || converse(stream, &answers, tls));
        }
    });
    address.to_string()
}

fn converse(stream: TcpStream, answers: &Recorded, tls: Option<Arc<ServerConfig>>) {
    // A client that goes away ends its connection, and that is all.
    let _ = match tls {
        None => answer_all(stream, answers),
        Some(config) => answer_all(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), answers),
    };
}

fn answer_all(mut stream: impl Read + Write, recorded: &Recorded) -> io::Result<()> {
    let mut request = Exchange::default();
    while request.receive(&mut stream)? {
        if request.head.starts_with("GET /asked ") {
            let asked = recorded.asked.load(Relaxed).to_string();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{asked}", asked.len())?;
            continue;
        }
        // A ledger without records, which takes every write.
        if request.header("x-amz-target").is_some() {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 2\r\n\r\n{}",
            )?;
            continue;
        }
        recorded.asked.fetch_add(1, Relaxed);
        let key = key(&request.body);
        let Some(answer) = recorded.answers.get(&key) else {
            let said = format!("no answer was recorded for {key}");
            write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{said}", said.len())?;
            continue;
        };
        thread::sleep(answer.latency);
        stream.write_all(&answer.bytes)?;
        stream.flush()?;
    }
    Ok(())
}
