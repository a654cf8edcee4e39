//! Faults happen where and how often the scenario says.

use std::time::Duration;

use sandbox::{Aws, Fault, FaultKind, Operation, Row, Rows, Scenario, StackSet};

use crate::client::{Response, call, call_in};

const RESULTS: &str = "ListStackSetOperationResults";

fn aws(faults: impl IntoIterator<Item = Fault>) -> Aws {
    let rows = Rows::generated(250, |number| Row::succeeded(&format!("{number:012}"), "r"));
    let set =
        StackSet::self_managed("baseline", "111111111111", "us-east-1").operation(Operation::new("op-1").rows(rows));
    let mut scenario = Scenario::new().stack_set(set).topic("arn:aws:sns:us-east-1:111111111111:t");
    scenario.faults.extend(faults);
    Aws::start_in_thread(scenario)
}

fn page(aws: &Aws, token: Option<&str>) -> Option<Response> {
    filtered_page(aws, None, token)
}

fn filtered_page(aws: &Aws, status: Option<&str>, token: Option<&str>) -> Option<Response> {
    let mut params = vec![("StackSetName", "baseline"), ("OperationId", "op-1")];
    if let Some(status) = status {
        params.extend([("Filters.member.1.Name", "OPERATION_RESULT_STATUS"), ("Filters.member.1.Values", status)]);
    }
    params.extend(token.map(|token| ("NextToken", token)));
    call_in(aws, "us-east-1", RESULTS, &params)
}

fn list(kind: FaultKind) -> Fault {
    Fault::on(RESULTS, kind)
}

#[test]
fn faults_apply_to_their_calls_and_end() {
    let aws = aws([
        list(FaultKind::Throttling).page(2).times(2),
        list(FaultKind::ServiceUnavailable).call(1),
        Fault::error("*", 403, "ExpiredToken", "The security token is expired").from_call(6),
    ]);
    assert_eq!(page(&aws, None).unwrap().error().0, 503);
    let first = page(&aws, None).unwrap();
    let token = first.one("NextToken");
    for _ in 0..2 {
        assert_eq!(page(&aws, token).unwrap().error(), (400, "Throttling", "Rate exceeded"));
    }
    assert_eq!(page(&aws, token).unwrap().all("member").len(), 100);
    for _ in 0..2 {
        assert_eq!(page(&aws, None).unwrap().error().1, "ExpiredToken");
    }
    let fired: Vec<_> = aws.faults_fired().iter().map(|fired| fired.call).collect();
    assert_eq!(fired, [1, 3, 4, 6, 7]);
    let statuses: Vec<_> = aws.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [503, 200, 400, 400, 200, 403, 403].map(Some));
}

#[test]
fn connections_break_where_they_should() {
    let aws = aws([
        list(FaultKind::Reset).call(1),
        list(FaultKind::ResetMidBody).call(2),
        Fault::on("Publish", FaultKind::Reset).call(1),
        Fault::on("Publish", FaultKind::LostAnswer).call(2),
    ]);
    assert!(page(&aws, None).is_none());
    let half = page(&aws, None).unwrap();
    let promised: usize = half.header("content-length").unwrap().parse().unwrap();
    assert_eq!(half.status, 200);
    assert_eq!(half.body.len(), promised / 2);
    assert_eq!(page(&aws, None).unwrap().all("member").len(), 100);

    let publish = || {
        call_in(&aws, "us-east-1", "Publish", &[("TopicArn", "arn:aws:sns:us-east-1:111111111111:t"), ("Message", "m")])
    };
    assert!(publish().is_none());
    assert_eq!(aws.published().len(), 0, "a reset call is not carried out");
    assert!(publish().is_none());
    assert_eq!(aws.published().len(), 1, "only the response was lost");
    assert_eq!(aws.requests_of("Publish")[0].status, None);
}

#[test]
fn bodies_are_damaged_but_complete() {
    let aws = aws([
        list(FaultKind::CutXml).call(1),
        list(FaultKind::MalformedXml).call(2),
        list(FaultKind::NotXml).call(3),
        list(FaultKind::RenamedTag).call(4),
    ]);
    let cut = page(&aws, None).unwrap();
    assert_eq!(cut.status, 200);
    assert_eq!(cut.header("content-length"), Some(&*cut.body.len().to_string()));
    assert_eq!(cut.body.matches("</member>").count(), 50);
    assert!(cut.body.ends_with("<member><Account>0000"), "{cut:?}");
    let mangled = page(&aws, None).unwrap();
    assert!(mangled.body.contains("<Account>0000</Mangled>00000050"));
    assert!(mangled.body.ends_with("</ListStackSetOperationResultsResponse>\n"));
    let proxy = page(&aws, None).unwrap();
    assert_eq!(proxy.status, 502);
    assert!(proxy.body.starts_with("<html>"));
    let renamed = page(&aws, None).unwrap();
    assert!(renamed.body.contains("<Account>000000000050</Mangled>"), "{renamed:?}");
}

#[test]
fn tokens_are_wrong() {
    let aws = aws([
        list(FaultKind::RepeatToken).page(2).once(),
        list(FaultKind::EmptyPage).page(3).once(),
        list(FaultKind::LeftoverToken).page(4).once(),
    ]);
    let first = page(&aws, None).unwrap();
    let token = first.one("NextToken");
    let repeated = page(&aws, token).unwrap();
    assert_eq!(repeated.one("NextToken"), token);
    let second = page(&aws, token).unwrap();
    assert_ne!(second.one("NextToken"), token);
    let empty = page(&aws, second.one("NextToken")).unwrap();
    assert_eq!(empty.all("member").len(), 0);
    let last = page(&aws, empty.one("NextToken")).unwrap();
    assert_eq!(last.all("member").len(), 50);
    let leftover = page(&aws, last.one("NextToken")).unwrap();
    assert_eq!(leftover.all("member").len(), 0);
    assert_eq!(leftover.one("NextToken"), None);

    aws.with(|scenario| scenario.faults = vec![list(FaultKind::EmptyToken), list(FaultKind::LostToken)]);
    assert_eq!(page(&aws, None).unwrap().one("NextToken"), Some(""));
    aws.with(|scenario| scenario.faults.truncate(0));
    aws.with(|scenario| scenario.faults.push(list(FaultKind::LostToken)));
    assert_eq!(page(&aws, None).unwrap().one("NextToken"), None);
}

#[test]
fn a_fault_can_require_parameters() {
    let aws = aws([list(FaultKind::InternalFailure).with_param("OperationId", "op-2")]);
    assert_eq!(page(&aws, None).unwrap().status, 200);
    aws.with(|scenario| scenario.faults[0].params[0].1 = Some("op-1".to_owned()));
    assert_eq!(page(&aws, None).unwrap().error().0, 500);
}

#[test]
fn one_page_of_one_list_fails_without_end() {
    let refused = |page| Fault::error(RESULTS, 400, "ValidationError", "Rows cannot be read").page(page);
    let aws = aws([refused(2).unfiltered().operation("op-1"), refused(3).filter("SUCCEEDED")]);
    let token = |status: Option<&str>, token: Option<&str>| {
        filtered_page(&aws, status, token).unwrap().one("NextToken").unwrap().to_owned()
    };
    let all = token(None, None);
    for _ in 0..3 {
        assert_eq!(page(&aws, Some(&all)).unwrap().error(), (400, "ValidationError", "Rows cannot be read"));
    }
    let succeeded = Some("SUCCEEDED");
    let second = token(succeeded, None);
    let third = token(succeeded, Some(&second));
    for _ in 0..3 {
        assert_eq!(filtered_page(&aws, succeeded, Some(&third)).unwrap().error().0, 400);
    }
    assert_eq!(filtered_page(&aws, Some("FAILED"), None).unwrap().status, 200);
    assert_eq!(page(&aws, None).unwrap().status, 200, "the other pages of the list are served");
}

#[test]
fn every_third_request_of_each_list_is_throttled() {
    let aws = aws([Fault::on("List*", FaultKind::Throttling).every(3)]);
    let results: Vec<u16> = (0..7).map(|_| page(&aws, None).unwrap().status).collect();
    assert_eq!(results, [200, 200, 400, 200, 200, 400, 200]);
    let sets: Vec<u16> = (0..4).map(|_| call(&aws, "ListStackSets", &[]).status).collect();
    assert_eq!(sets, [200, 200, 400, 200], "each action is counted for itself");
    let describe = [("StackSetName", "baseline"), ("OperationId", "op-1")];
    assert!((0..4).all(|_| call(&aws, "DescribeStackSetOperation", &describe).status == 200));
}

#[test]
fn lists_can_be_refused_for_one_call_as() {
    for refused in ["SELF", "DELEGATED_ADMIN"] {
        let aws = aws([Fault::error("ListStackSet*", 403, "AccessDenied", "no").call_as(refused)]);
        let list = |params: &[(&str, &str)]| call(&aws, "ListStackSets", params).status;
        let status = |call_as: &str| if call_as == refused { 403 } else { 200 };
        assert_eq!(list(&[]), status("SELF"), "a call without CallAs is one of SELF");
        assert_eq!(list(&[("CallAs", "SELF")]), status("SELF"));
        assert_eq!(list(&[("CallAs", "DELEGATED_ADMIN")]), status("DELEGATED_ADMIN"));
        let operations = call(&aws, "ListStackSetOperations", &[("StackSetName", "baseline")]);
        assert_eq!(operations.status, status("SELF"));
    }
}

#[tokio::test(start_paused = true)]
async fn delays_add_up_and_a_hang_lasts() {
    // With tokio's clock paused, waiting takes no real time.
    let aws = Aws::start(
        Scenario::new()
            .latency(Duration::from_secs(10))
            .fault(Fault::on("*", FaultKind::Delay(Duration::from_secs(20))).call(1))
            .fault(Fault::on("*", FaultKind::Throttling).call(1))
            .fault(Fault::on("*", FaultKind::Hang).call(2)),
    )
    .await;
    let began = tokio::time::Instant::now();
    let answer = exchange(&aws).await;
    assert!(answer.contains("<Code>Throttling</Code>"), "{answer}");
    assert!(began.elapsed() >= Duration::from_secs(30));
    let hang = tokio::time::timeout(Duration::from_secs(3_600), exchange(&aws)).await;
    assert!(hang.is_err());
    assert_eq!(aws.faults_fired().len(), 3);
}

async fn exchange(aws: &Aws) -> String {
    let stream = tokio::net::TcpStream::connect(aws.url().replace("http://", "")).await.unwrap();
    let form = "Action=ListStackSets&Version=2010-05-15";
    let request =
        format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{form}", form.len());
    stream.writable().await.unwrap();
    stream.try_write(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    loop {
        stream.readable().await.unwrap();
        let mut buffer = [0; 4096];
        match stream.try_read(&mut buffer) {
            Ok(0) => return String::from_utf8(answer).unwrap(),
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn dropping_the_server_ends_a_hang() {
    let aws = aws([list(FaultKind::Hang)]);
    std::thread::scope(|scope| {
        let (url, hanging) = (aws.url(), std::sync::mpsc::channel());
        scope.spawn(move || {
            let address = url.replace("http://", "");
            let form = format!("Action={RESULTS}&Version=2010-05-15");
            hanging.0.send(()).unwrap();
            assert!(crate::client::send(&address, "POST", "/", &[], &form).is_none());
        });
        hanging.1.recv().unwrap();
        while aws.requests().is_empty() {
            std::thread::yield_now();
        }
        drop(aws);
    });
}
