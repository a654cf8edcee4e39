//! The fault matrix: each fault, at each place where it can strike, once and for ever, with ample, exact and too
//! little time.
//!
//! A cell runs one invocation. What it must publish, or which error it must end in, is [`expected`]; what holds
//! for every cell whatever becomes of it is checked against the loopback's log of requests.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use sandbox::{Fault, FaultKind, Request, Row, Rows, Scenario};
use serde_json::{Value, json};
use stackset_notifier::error::Error;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{OPERATION, Stage, account, event, stack_set};

const DESCRIBE: &str = "DescribeStackSetOperation";
const RESULTS: &str = "ListStackSetOperationResults";
const PUBLISH: &str = "Publish";

/// Three pages, every tenth row failed.
const ROWS: usize = 210;
const FAILED: u64 = 21;
const PAGES: usize = 3;

/// How long the function waits for one answer: short enough for all attempts at a server that hangs.
const ATTEMPT: Duration = Duration::from_millis(400);
/// Attempts of one call.
const ATTEMPTS: usize = 8;

/// Cells at a time in all tests: each needs its share of the processor before its deadline.
static SLOTS: Semaphore = Semaphore::const_new(12);

const NOT_WHOLE: &str = "the answer's XML is not whole";
const OUT_OF_TIME: &str = "the function's time ran out";

/// What an answer that fails is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Nature {
    /// Worth another try; the text names it when it lasts.
    Passing(&'static str),
    /// Throttling: as passing, but what comes after it is slowed down.
    Throttling(&'static str),
    /// There is no answer.
    Silent,
    /// Not worth another try; the text names it.
    Final(&'static str),
    /// The tokens between pages are wrong; the text says how.
    PageCursor(&'static str),
    /// SNS has accepted the message, and only its answer is spoiled.
    Accepted,
}

use Nature::{Accepted, Final, PageCursor, Passing, Silent, Throttling};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Describe,
    Page(usize),
    Publish,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Often {
    Once,
    ForEver,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Time {
    /// Much more than is needed.
    Ample,
    /// Enough for what the fault costs on a busy machine, and for little else.
    Exact,
    /// Not enough for a fault that lasts; whether for one that passes depends on the machine.
    Short,
}

const READS: [Place; 4] = [Place::Describe, Place::Page(1), Place::Page(2), Place::Page(PAGES)];
const LIST: [Place; 3] = [Place::Page(1), Place::Page(2), Place::Page(PAGES)];
const SNS: [Place; 1] = [Place::Publish];

/// The rows of the matrix: a fault, what it is worth, and where it strikes.
fn faults() -> Vec<(FaultKind, Nature, Vec<Place>)> {
    let error = |status: u16, code: &str, message: &str| FaultKind::Error {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    let everywhere = || [&READS[..], &SNS].concat();
    let reads = || READS.to_vec();
    let list = || LIST.to_vec();
    let sns = || SNS.to_vec();
    let denied = "User is not authorized to perform this";
    vec![
        (FaultKind::Throttling, Throttling("Throttling: Rate exceeded"), everywhere()),
        (
            error(400, "ThrottlingException", "Rate exceeded"),
            Throttling("ThrottlingException: Rate exceeded"),
            everywhere(),
        ),
        // Some other code, and only the message says what it is.
        (error(400, "ClientError", "Rate exceeded"), Throttling("ClientError: Rate exceeded"), everywhere()),
        (FaultKind::InternalFailure, Passing("InternalFailure: "), everywhere()),
        (FaultKind::ServiceUnavailable, Passing("ServiceUnavailable: "), everywhere()),
        (FaultKind::NotXml, Passing("HTTP status 502 with an answer that is not AWS's"), everywhere()),
        (FaultKind::Reset, Passing("connection"), everywhere()),
        (FaultKind::LostAnswer, Passing("connection"), everywhere()),
        (FaultKind::ResetMidBody, Passing("connection"), reads()),
        (FaultKind::CutXml, Passing(NOT_WHOLE), reads()),
        (FaultKind::MalformedXml, Passing(NOT_WHOLE), reads()),
        (FaultKind::RenamedTag, Passing(NOT_WHOLE), reads()),
        (FaultKind::Hang, Silent, everywhere()),
        (FaultKind::Stall, Silent, reads()),
        (FaultKind::EmptyToken, PageCursor("hands out an empty token for the next page"), list()),
        (FaultKind::RepeatToken, PageCursor("hands out an already used token for the next page"), LIST[1..].to_vec()),
        // The first page was asked for without a token: the one that leads back to it is a new one.
        (FaultKind::RepeatToken, PageCursor("lists the results of an earlier page once more"), LIST[..1].to_vec()),
        (error(403, "ExpiredToken", "expired"), Final("ExpiredToken: expired"), everywhere()),
        (
            error(403, "AccessDenied", denied),
            Final("the function's role needs cloudformation:DescribeStackSetOperation on this stack set"),
            vec![Place::Describe],
        ),
        (
            error(403, "AccessDeniedException", denied),
            Final("the function's role needs cloudformation:ListStackSetOperationResults on this stack set"),
            list(),
        ),
        (error(403, "AuthorizationError", denied), Final("the function's role needs sns:Publish on this topic"), sns()),
        (error(404, "NotFound", "Topic does not exist"), Final("NotFound: Topic does not exist"), sns()),
        (
            error(400, "KMSAccessDenied", "no"),
            Final("the function's role needs kms:GenerateDataKey and kms:Decrypt on the topic's key"),
            sns(),
        ),
        (error(400, "KMSThrottling", "slow down"), Throttling("KMSThrottling: slow down"), sns()),
        (error(500, "InternalError", "oh"), Passing("InternalError: oh"), sns()),
        (FaultKind::ResetMidBody, Accepted, sns()),
        (FaultKind::CutXml, Accepted, sns()),
        (FaultKind::MalformedXml, Accepted, sns()),
        (FaultKind::Stall, Accepted, sns()),
    ]
}

/// One invocation of the matrix.
#[derive(Clone, Debug)]
struct Cell {
    kind: FaultKind,
    nature: Nature,
    place: Place,
    often: Often,
    time: Time,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?}, {:?}, {:?} time", self.kind, self.place, self.often, self.time)
    }
}

impl Cell {
    fn fault(&self) -> Fault {
        let fault = match self.place {
            Place::Describe => Fault::on(DESCRIBE, self.kind.clone()),
            Place::Page(page) => Fault::on(RESULTS, self.kind.clone()).page(page),
            Place::Publish => Fault::on(PUBLISH, self.kind.clone()),
        };
        if self.often == Often::Once { fault.once() } else { fault }
    }

    fn action(&self) -> &'static str {
        match self.place {
            Place::Describe => DESCRIBE,
            Place::Page(_) => RESULTS,
            Place::Publish => PUBLISH,
        }
    }

    fn time(&self) -> Duration {
        match (self.time, self.nature) {
            (Time::Ample, Throttling(_)) => Duration::from_secs(16),
            (Time::Ample, _) => Duration::from_secs(40),
            (Time::Exact, _) => Duration::from_secs(12),
            (Time::Short, _) => Duration::from_secs(4),
        }
    }

    /// With little time, the struck call takes too long for being made again and again.
    fn delay(&self) -> Option<Fault> {
        if self.time != Time::Short || self.nature == Silent {
            return None;
        }
        let slow = Fault::on(self.action(), FaultKind::Delay(Duration::from_millis(500)));
        Some(if let Place::Page(page) = self.place { slow.page(page) } else { slow })
    }
}

/// What a cell must come to.
#[derive(Debug, PartialEq)]
enum Expected {
    /// A report of all rows that says it is complete.
    Complete,
    /// A report of these pages, and of all failed rows, that says what is missing.
    FailuresFirst { pages: usize },
    /// A report of these pages, and of all failed rows, that names the page after them.
    PageMissing { pages: usize },
    /// An error with one of these in its text, and nothing published.
    Error(Vec<&'static str>),
    /// Any of these but the first: where the reading is cut off depends on how fast the machine is.
    Unfinished,
    /// Any of these but an error that names the fault.
    CompleteOrUnfinished,
}

fn expected(cell: &Cell) -> Expected {
    let short = cell.time == Time::Short;
    let page = if let Place::Page(page) = cell.place { page } else { 0 };
    match (cell.nature, cell.often) {
        // It leads back to itself, also in the lists by status.
        (PageCursor(_), often) if page == 1 && cell.kind == FaultKind::RepeatToken => match often {
            Often::Once if !short => Expected::PageMissing { pages: 1 },
            _ => Expected::Unfinished,
        },
        // Every list has a first page, and each takes its time here.
        (Final(_) | PageCursor(_), Often::Once) if page == 1 && short => Expected::Unfinished,
        // The lists by status have one page each.
        (Final(_) | PageCursor(_), often) if page > 1 || (page == 1 && often == Often::Once) => {
            Expected::PageMissing { pages: page - 1 }
        }
        (Final(text) | PageCursor(text), _) => Expected::Error(vec![text]),
        (Accepted, _) => Expected::Complete,
        (Throttling(_), Often::Once) if short && cell.place != Place::Publish => Expected::CompleteOrUnfinished,
        // Throttling is no failure: it ends with the time.
        (Throttling(_), Often::ForEver) if page > 1 => Expected::FailuresFirst { pages: page - 1 },
        (Throttling(_), Often::ForEver) if cell.place != Place::Publish => Expected::Error(vec![OUT_OF_TIME]),
        (Silent, Often::Once) if short && page == 0 => Expected::Error(vec![OUT_OF_TIME]),
        (_, Often::Once) => Expected::Complete,
        // When half of the time is gone, failures come first, and then the page that gave no good answer.
        (_, Often::ForEver) if short && page > 1 => Expected::FailuresFirst { pages: page - 1 },
        (_, Often::ForEver) if short => Expected::Error(vec![OUT_OF_TIME]),
        (Passing(_), Often::ForEver) if page > 1 => Expected::PageMissing { pages: page - 1 },
        (Passing(text) | Throttling(text), Often::ForEver) => Expected::Error(vec![text]),
        // All attempts in vain are named; before that, the deadline may end them.
        (Silent, Often::ForEver) if page > 1 => Expected::Unfinished,
        (Silent, Often::ForEver) => Expected::Error(vec!["timeout", "timed out", OUT_OF_TIME]),
    }
}

/// What became of a cell.
struct Outcome {
    result: Result<Value, Error>,
    /// The document of every accepted message.
    documents: Vec<Value>,
    requests: Vec<Request>,
    begun: Instant,
    ended: Instant,
    deadline: Instant,
}

fn row(i: usize) -> Row {
    match i % 10 {
        3 => Row::failed(&account(i), "eu-west-1", "Internal Failure"),
        _ => Row::succeeded(&account(i), "eu-west-1"),
    }
}

async fn run(cell: &Cell) -> Outcome {
    let operation =
        sandbox::Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(Rows::generated(ROWS, row));
    let mut scenario = Scenario::new().stack_set(stack_set().operation(operation)).fault(cell.fault());
    scenario.faults.extend(cell.delay());
    let attempt = if cell.nature == Silent && cell.time != Time::Short { ATTEMPT } else { 25 * ATTEMPT };
    // Names would take some of the short time; they have tests of their own.
    invoke(&Stage::impatient(scenario, &[("ACCOUNT_NAMES", "never")], attempt).await, cell.time()).await
}

async fn invoke(stage: &Stage, time: Duration) -> Outcome {
    let begun = Instant::now();
    let deadline = begun + time;
    let result = stage.invoke_until(&event(&stack_set().arn(), OPERATION, "FAILED"), deadline).await;
    let ended = Instant::now();
    let documents = stage
        .aws
        .published()
        .iter()
        .map(|message| serde_json::from_str(&message.body("sqs").unwrap()).unwrap())
        .collect();
    Outcome { result, documents, requests: stage.aws.requests(), begun, ended, deadline }
}

/// What is wrong with a cell's outcome, or nothing.
fn verdict(cell: &Cell, outcome: &Outcome) -> Result<(), String> {
    let found = match (&outcome.result, outcome.documents.first()) {
        (Ok(done), Some(document)) => {
            check(done["counts"] == document["counts"], "the response's counts are not the report's")?;
            report(document, &outcome.requests)?;
            document["completeness"]["complete"].as_bool()
        }
        (Ok(done), None) => return Err(format!("nothing was published: {done}")),
        (Err(error), _) => {
            let kind = if cell.place == Place::Publish { ["PublishError"; 2] } else { ["ReadError", "PublishError"] };
            check(kind.contains(&error.kind()), &format!("an error of another step: {error:?}"))?;
            None
        }
    };
    in_time(outcome)?;
    chain(&outcome.requests)?;
    attempts(cell, outcome)?;
    let text = outcome.result.as_ref().err().map(ToString::to_string);
    match (expected(cell), found, text) {
        (Expected::Complete | Expected::CompleteOrUnfinished, Some(true), _)
        | (Expected::Unfinished | Expected::CompleteOrUnfinished, Some(false), _) => Ok(()),
        (Expected::Unfinished | Expected::CompleteOrUnfinished, None, Some(text)) => {
            check(text.ends_with(OUT_OF_TIME), &format!("not for want of time: {text}"))
        }
        (Expected::FailuresFirst { pages }, Some(false), _) => {
            let document = &outcome.documents[0];
            let missing = "time ran out before all results were read, but all FAILED and CANCELLED ones";
            let reason = document["completeness"]["reason"].as_str().unwrap_or_default();
            check(reason == missing, reason)?;
            check(document["counts"]["failed"] == FAILED, "not all failures")?;
            check(document["counts"]["succeeded"] == 90 * pages, "not all successes that were read")
        }
        (Expected::PageMissing { pages }, Some(false), _) => {
            let document = &outcome.documents[0];
            let reason = document["completeness"]["reason"].as_str().unwrap_or_default();
            let missing = format!("page {} of the results could not be read (", pages + 1);
            check(reason.starts_with(&missing) && !reason.contains(';'), reason)?;
            check(document["counts"]["failed"] == FAILED, "not all failures")?;
            check(document["counts"]["succeeded"] == 90 * pages, "not all successes that were read")
        }
        (Expected::Error(texts), None, Some(text)) => {
            check(texts.iter().any(|part| text.contains(part)), &format!("none of {texts:?} in {text:?}"))?;
            let refused = outcome.documents.is_empty() || cell.kind == FaultKind::LostAnswer;
            check(refused, "an error after a message was accepted")
        }
        (expected, _, text) => Err(format!("expected {expected:?}, found {:?} and {:?}", outcome.documents, text)),
    }
}

fn check(right: bool, wrong: &str) -> Result<(), String> {
    if right { Ok(()) } else { Err(wrong.to_owned()) }
}

/// An answer that was served as it should be.
fn is_good(request: &Request) -> bool {
    request.status == Some(200) && request.fault.is_none()
}

/// An answer that is whole, but with a token that it should not have.
fn is_odd(request: &Request) -> bool {
    matches!(request.fault, Some(FaultKind::RepeatToken | FaultKind::EmptyToken))
}

/// A report's numbers are those of the pages that were served, each once.
fn report(document: &Value, requests: &[Request]) -> Result<(), String> {
    crate::schema::check(document);
    let number = |word: &str| document["counts"][word].as_u64().unwrap();
    let [total, succeeded, failed] = ["total", "succeeded", "failed"].map(number);
    check(total == succeeded + failed, "the counts do not add up")?;
    if document["completeness"]["complete"] == true {
        return check(
            [total, failed] == [ROWS as u64, FAILED],
            &format!("complete, with {total} rows, {failed} failed"),
        );
    }
    check(document["completeness"]["reason"].is_string(), "incomplete without a reason")?;
    // Of each hundred rows ten have failed, wherever they were read.
    let pages: HashSet<Option<&str>> = requests
        .iter()
        .filter(|request| {
            request.action == RESULTS && (is_good(request) || is_odd(request)) && filter(request).is_none()
        })
        .map(|request| request.param("NextToken"))
        .collect();
    let most = pages.len() as u64;
    // The last one may have come too late for the function.
    let read = |pages: u64| succeeded == (90 * pages).min(ROWS as u64 - FAILED);
    check(read(most) || (most > 0 && read(most - 1)), &format!("{succeeded} successes on {most} pages"))?;
    check(failed <= FAILED, "more failures than there are")
}

fn filter(request: &Request) -> Option<&str> {
    request.param("Filters.member.1.Values")
}

/// The answer went out before the deadline, and nothing was asked for when its time was over.
fn in_time(outcome: &Outcome) -> Result<(), String> {
    let late = |what: &str, at: Instant| format!("{what} {:?} after the deadline", at - outcome.deadline);
    check(outcome.ended <= outcome.deadline, &late("ended", outcome.ended))?;
    let left = outcome.deadline - outcome.begun;
    let reserve = (left / 4).min(Duration::from_secs(15));
    for request in &outcome.requests {
        // The loopback notes a request when it gets to run: half of the reserve is for that.
        let last = outcome.deadline - if request.action == PUBLISH { Duration::ZERO } else { reserve / 2 };
        check(Instant::from_std(request.at) <= last, &format!("{} in the time kept for others", request.action))?;
    }
    Ok(())
}

/// Every list that was read began at its first page, and asked only for pages that the page before handed out.
fn chain(requests: &[Request]) -> Result<(), String> {
    let mut handed_out: HashSet<(Option<&str>, &str)> = HashSet::new();
    for request in requests.iter().filter(|request| request.action == RESULTS) {
        if let Some(token) = request.param("NextToken") {
            check(handed_out.contains(&(filter(request), token)), "a page that no other leads to")?;
        }
        if let Some(token) = request.token.as_deref().filter(|_| is_good(request) || is_odd(request)) {
            handed_out.insert((filter(request), token));
        }
    }
    Ok(())
}

/// A page is asked for again only when its answer was spoiled or time was up; what cannot pass is not tried again.
fn attempts(cell: &Cell, outcome: &Outcome) -> Result<(), String> {
    let mut asked: HashSet<(&str, Option<&str>, Option<&str>)> = HashSet::new();
    let mut again = 0;
    for request in outcome.requests.iter().filter(|request| is_good(request)) {
        if !asked.insert((&request.action, filter(request), request.param("NextToken"))) {
            again += 1;
        }
    }
    // An answer that is under way when half of the time or one attempt's is over is asked for again.
    let slow = if cell.time == Time::Ample { 0 } else { 1 };
    check(again <= slow, &format!("{again} good answers were asked for again"))?;
    // After the first page, the first pages of the lists by status.
    let lists = if cell.place == Place::Page(1) { 5 } else { 1 };
    let struck = outcome.requests.iter().filter(|request| request.fault.is_some()).count();
    let most = match (cell.often, cell.nature) {
        (Often::Once, _) | (_, Accepted) => 1,
        // A page that leads to itself is known by the second time; short of time, the last page is asked for again.
        (_, PageCursor(_)) => 2 * lists,
        (_, Final(_)) => lists + usize::from(cell.time == Time::Short),
        (_, Throttling(_)) if cell.place != Place::Publish => usize::MAX,
        // Once for the whole list and, when half of the time is over, for a filtered one and the rest.
        (Often::ForEver, _) if matches!(cell.place, Place::Page(_)) && cell.time != Time::Ample => 7 * ATTEMPTS,
        (Often::ForEver, _) => lists * ATTEMPTS,
    };
    check(struck <= most, &format!("{struck} attempts of {}", cell.action()))?;
    let all = cell.time == Time::Ample && cell.often == Often::ForEver && matches!(cell.nature, Passing(_));
    check(!all || struck == lists * ATTEMPTS, &format!("gave up after {struck} attempts"))
}

/// Each page takes 300 ms, and there are three; all else takes next to no time.
#[tokio::test]
async fn time_that_just_suffices_and_time_that_does_not() {
    for (millis, expected) in [(4_500, Some(true)), (1_900, Some(false)), (500, None), (250, None)] {
        let operation =
            sandbox::Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(Rows::generated(ROWS, row));
        let slow = Fault::on(RESULTS, FaultKind::Delay(Duration::from_millis(300)));
        let scenario = Scenario::new().stack_set(stack_set().operation(operation)).fault(slow);
        let outcome = invoke(&Stage::new(scenario).await, Duration::from_millis(millis)).await;
        in_time(&outcome)
            .and_then(|()| chain(&outcome.requests))
            .unwrap_or_else(|wrong| panic!("{millis} ms: {wrong}"));
        let complete = outcome.documents.first().map(|document| {
            report(document, &outcome.requests).unwrap_or_else(|wrong| panic!("{millis} ms: {wrong}"));
            document["completeness"]["complete"].as_bool().unwrap()
        });
        assert_eq!(
            (complete, outcome.result.is_ok()),
            (expected, expected.is_some()),
            "{millis}: {:?}",
            outcome.result
        );
        if let Err(error) = outcome.result {
            assert!(error.to_string().ends_with(OUT_OF_TIME), "{millis} ms: {error}");
        }
    }
}

/// A row that is still running when the operation has ended, on whichever page, for a while or for ever.
#[tokio::test]
async fn late_rows() {
    for (rows, pages) in [(ROWS, PAGES), (1_500, 15)] {
        for late in [0, rows / 2, rows - 1] {
            for (often, settle, time) in [
                (Often::Once, "60", 40),
                (Often::Once, "600", 3),
                // The time for settling ends it, or the deadline.
                (Often::ForEver, "1", 40),
                (Often::ForEver, "600", 2),
            ] {
                let row = Rows::generated(rows, move |i| match (i == late, often) {
                    (false, _) => Row::succeeded(&account(i), "eu-west-1"),
                    (true, Often::ForEver) => Row::running(&account(i), "eu-west-1"),
                    (true, Often::Once) => {
                        let end = Row::failed(&account(i), "eu-west-1", "Internal Failure");
                        Row::running(&account(i), "eu-west-1").later(3, end)
                    }
                });
                let operation = sandbox::Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(row);
                let scenario = Scenario::new().stack_set(stack_set().operation(operation));
                let stage = Stage::with(scenario, &[("SETTLE_TIMEOUT_SECONDS", settle)]).await;
                let outcome = invoke(&stage, Duration::from_secs(time)).await;
                let cell = format!("row {late} of {rows}, {often:?}, settle {settle}, {time} s");
                in_time(&outcome)
                    .and_then(|()| chain(&outcome.requests))
                    .unwrap_or_else(|wrong| panic!("{cell}: {wrong}"));
                let counts = |word: &str| outcome.documents[0]["counts"][word].as_u64().unwrap() as usize;
                let failed = usize::from(often == Often::Once);
                let values = ["total", "succeeded", "failed", "running"].map(counts);
                assert_eq!(values, [rows, rows - 1, failed, 1 - failed], "{cell}");
                let complete = outcome.documents[0]["completeness"]["complete"].as_bool().unwrap();
                assert_eq!(complete, often == Often::Once, "{cell}");
                if pages > 10 {
                    let whole = outcome.requests.iter().filter(|request| request.action == RESULTS);
                    let whole = whole.filter(|request| filter(request).is_none()).count();
                    assert_eq!(whole, pages, "{cell}: what has settled is not read again");
                }
            }
        }
    }
}

/// Lambda may hand over an event so late that nothing can be done: also then there is an answer, not a timeout.
#[tokio::test]
async fn time_that_is_nearly_gone_at_the_start() {
    for millis in [0, 50, 500] {
        for fault in [None, Some(DESCRIBE), Some(RESULTS), Some(PUBLISH)] {
            let rows = vec![Row::failed(&account(0), "eu-west-1", "Internal Failure")];
            let operation = sandbox::Operation::new(OPERATION).action("UPDATE").status("FAILED").rows(rows);
            let mut scenario = Scenario::new().stack_set(stack_set().operation(operation));
            scenario.faults.extend(fault.map(|action| Fault::on(action, FaultKind::Hang)));
            let stage = Stage::new(scenario).await;
            // One warm-up, and then the machine may be busy, but not each time.
            let mut in_time = false;
            for _ in 0..10 {
                stage.aws.forget();
                let outcome = invoke(&stage, Duration::from_millis(millis)).await;
                match &outcome.result {
                    Ok(_) => assert!(outcome.documents.len() == 1 && fault.is_none(), "{millis} ms, {fault:?}"),
                    Err(error) => assert!(error.to_string().ends_with(OUT_OF_TIME), "{millis} ms, {fault:?}: {error}"),
                }
                in_time |= outcome.ended <= outcome.deadline;
                if in_time {
                    break;
                }
            }
            assert!(in_time || millis == 0, "{millis} ms, {fault:?}: never in time");
        }
    }
}

/// Runs all cells of a place, a few at a time, and lists all that went wrong.
async fn matrix(place: Place) {
    let mut running = JoinSet::new();
    for (kind, nature, places) in faults() {
        if !places.contains(&place) {
            continue;
        }
        for often in [Often::Once, Often::ForEver] {
            for time in [Time::Ample, Time::Exact, Time::Short] {
                let cell = Cell { kind: kind.clone(), nature, place, often, time };
                running.spawn(async move {
                    let _slot = SLOTS.acquire().await.unwrap();
                    // Where time is short, a busy machine may take what is meant for the calls, but not each time.
                    let attempts = if cell.time == Time::Ample { 1 } else { 3 };
                    let mut result = Ok(());
                    for _ in 0..attempts {
                        result = verdict(&cell, &run(&cell).await).map_err(|wrong| format!("{cell}: {wrong}"));
                        if result.is_ok() {
                            break;
                        }
                    }
                    result
                });
            }
        }
    }
    let mut cells = 0;
    let mut wrong = Vec::new();
    while let Some(done) = running.join_next().await {
        cells += 1;
        wrong.extend(done.unwrap().err());
    }
    assert!(cells >= 48, "{cells} cells");
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {cells} cells:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn faults_of_the_description() {
    matrix(Place::Describe).await;
}

#[tokio::test]
async fn faults_of_the_first_page() {
    matrix(Place::Page(1)).await;
}

#[tokio::test]
async fn faults_of_a_page_in_the_middle() {
    matrix(Place::Page(2)).await;
}

#[tokio::test]
async fn faults_of_the_last_page() {
    matrix(Place::Page(PAGES)).await;
}

#[tokio::test]
async fn faults_of_publishing() {
    matrix(Place::Publish).await;
}

/// Five thousand rows, of which every third request for is refused.
#[tokio::test]
async fn throttling_of_every_third_request_ends_well() {
    let rows = (0..5_000).map(row).collect::<Vec<_>>();
    let operation = crate::support::operation("FAILED", rows);
    let throttling = Fault::on("List*", FaultKind::Throttling).every(3);
    let stage = Stage::new(Scenario::new().stack_set(stack_set().operation(operation)).fault(throttling)).await;
    let document = stage.report("FAILED").await;
    assert_eq!(document["completeness"]["complete"], true, "{}", document["completeness"]);
    assert_eq!((&document["counts"]["total"], &document["counts"]["failed"]), (&json!(5_000), &json!(500)));
}

/// Page 9 of 20 is refused for ever: what was read before and all that did not succeed is reported.
#[tokio::test]
async fn a_page_that_fails_for_good_loses_no_failure() {
    let rows = || {
        (0..2_000).map(|i| match i % 20 {
            0 => Row::failed(&account(i), "eu-west-1", "Internal Failure"),
            1 => Row::cancelled(&account(i), "eu-west-1", "Cancelled since failure tolerance has exceeded"),
            2 if i < 1_000 => Row::running(&account(i), "eu-west-1"),
            3 if i < 1_000 => Row::pending(&account(i), "eu-west-1"),
            _ => Row::succeeded(&account(i), "eu-west-1"),
        })
    };
    for (fault, code) in [
        (Fault::error(RESULTS, 400, "ValidationError", "token is not valid"), "ValidationError"),
        (Fault::on(RESULTS, FaultKind::InternalFailure), "InternalFailure"),
    ] {
        let operation = crate::support::operation("FAILED", rows().collect::<Vec<_>>());
        let scenario = Scenario::new().stack_set(stack_set().operation(operation));
        let stage = Stage::new(scenario.fault(fault.clone().page(9).unfiltered())).await;
        let document = stage.report("FAILED").await;
        let counts = &document["counts"];
        // Of 800 rows that were read before, 16 of 20 have succeeded.
        let statuses = ["succeeded", "failed", "cancelled", "running", "pending"].map(|status| &counts[status]);
        assert_eq!(statuses.map(|count| count.as_u64().unwrap()), [640, 100, 100, 50, 50], "{counts}");
        assert_eq!(counts["total"], 940);
        let completeness = &document["completeness"];
        assert_eq!(completeness["complete"], false);
        let reason = completeness["reason"].as_str().unwrap();
        assert!(reason.starts_with(&format!("page 9 of the results could not be read ({code}); the op")), "{reason}");

        // A list by status that fails too is named.
        let operation = crate::support::operation("FAILED", rows().collect::<Vec<_>>());
        let scenario = Scenario::new().stack_set(stack_set().operation(operation));
        let stage =
            Stage::new(scenario.fault(fault.clone().page(9).unfiltered()).fault(fault.filter("CANCELLED"))).await;
        let document = stage.report("FAILED").await;
        let reason = document["completeness"]["reason"].as_str().unwrap();
        let wanted =
            format!("page 9 of the results could not be read ({code}); those CANCELLED could not be listed ({code}); ");
        assert!(reason.starts_with(&wanted), "{reason}");
        assert_eq!((&document["counts"]["failed"], &document["counts"]["cancelled"]), (&json!(100), &json!(40)));
    }
}
