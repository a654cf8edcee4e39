//! The Runtime API as the function sees it.

use std::time::Duration;

use sandbox::{Invocation, Outcome, Runtime};
use serde_json::{Value, json};

use crate::client::{Response, send};

const BASE: &str = "/2018-06-01/runtime";

fn next(address: &str) -> Response {
    send(address, "GET", &format!("{BASE}/invocation/next"), &[], "").unwrap()
}

fn post(address: &str, path: &str, body: &str) -> Response {
    send(address, "POST", &format!("{BASE}/{path}"), &[("Lambda-Runtime-Function-Error-Type", "Header.Type")], body)
        .unwrap()
}

/// A function that calls `respond` for each event to get the end of the path and the body to post.
fn function(
    address: String,
    events: usize,
    respond: impl Fn(Value) -> (&'static str, String) + Send + 'static,
) -> std::thread::JoinHandle<Vec<u16>> {
    std::thread::spawn(move || {
        (0..events)
            .map(|_| {
                let event = next(&address);
                let id = event.header("Lambda-Runtime-Aws-Request-Id").unwrap();
                let (end, body) = respond(serde_json::from_str(&event.body).unwrap());
                post(&address, &format!("invocation/{id}/{end}"), &body).status
            })
            .collect()
    })
}

#[tokio::test]
async fn events_go_in_and_outcomes_come_out() {
    let runtime = Runtime::start_in_thread();
    let function = function(runtime.address(), 4, |event| match event["n"].as_i64() {
        Some(1) => ("response", json!({"seen": event}).to_string()),
        Some(2) => ("error", json!({"errorType": "read", "errorMessage": "could not", "more": 1}).to_string()),
        Some(3) => ("error", "{}".to_owned()),
        _ => ("response", "not JSON".to_owned()),
    });
    let mut outcomes = Vec::new();
    for n in 1..=4 {
        outcomes.push(runtime.invoke(Invocation::new(&json!({"n": n}))).await);
    }
    assert_eq!(outcomes[0], Ok(Outcome::Response(json!({"seen": {"n": 1}}))));
    assert_eq!(
        outcomes[1],
        Ok(Outcome::Error {
            error_type: "read".to_owned(),
            error_message: "could not".to_owned(),
            raw: json!({"errorType": "read", "errorMessage": "could not", "more": 1}),
        })
    );
    assert!(matches!(&outcomes[2], Ok(Outcome::Error { error_type, .. }) if error_type == "Header.Type"));
    assert!(matches!(&outcomes[3], Err(message) if message.starts_with("the response is not JSON")));
    assert_eq!(function.join().unwrap(), [202; 4]);
}

#[tokio::test]
async fn the_event_carries_its_headers() {
    let runtime = Runtime::start_in_thread();
    let address = runtime.address();
    let function = std::thread::spawn(move || {
        let event = next(&address);
        let id = event.header("Lambda-Runtime-Aws-Request-Id").unwrap();
        post(&address, &format!("invocation/{id}/response"), "null");
        event
    });
    let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let arn = "arn:aws:lambda:eu-west-1:111111111111:function:f";
    let outcome =
        runtime.invoke(Invocation::raw(&b"not even JSON"[..]).function_arn(arn).timeout(Duration::from_secs(30))).await;
    assert_eq!(outcome, Ok(Outcome::Response(Value::Null)));
    let event = function.join().unwrap();
    assert_eq!(event.body, "not even JSON");
    assert_eq!(event.header("Lambda-Runtime-Invoked-Function-Arn"), Some(arn));
    let deadline: u128 = event.header("Lambda-Runtime-Deadline-Ms").unwrap().parse().unwrap();
    assert!(deadline >= (before + Duration::from_secs(30)).as_millis());
    let trace = event.header("Lambda-Runtime-Trace-Id").unwrap();
    assert!(trace.starts_with("Root=1-"), "{trace}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_limited() {
    let runtime = Runtime::start().await;
    let invocation = Invocation::new(&json!({})).wait_limit(Duration::from_millis(250));
    assert_eq!(runtime.invoke(invocation).await, Err("no outcome within 250 ms".to_owned()));
}

#[tokio::test]
async fn a_failed_start_ends_the_wait() {
    let runtime = Runtime::start_in_thread();
    let address = runtime.address();
    assert_eq!(runtime.init_error(), None);
    let function = std::thread::spawn(move || {
        let body = r#"{"errorType":"config","errorMessage":"TOPIC_ARN is missing"}"#;
        let stranger = post(&address, "invocation/nobody/response", "1");
        (post(&address, "init/error", body).status, stranger.status)
    });
    let outcome = runtime.invoke(Invocation::new(&json!({}))).await;
    assert!(matches!(&outcome, Err(message) if message.contains("TOPIC_ARN is missing")));
    assert!(matches!(runtime.init_error(), Some(Outcome::Error { error_type, .. }) if error_type == "config"));
    assert_eq!(function.join().unwrap(), (202, 400));
}
