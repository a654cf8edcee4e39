//! The stacks behind targets whose texts do not say what went wrong.

use std::time::{Duration, Instant};

use sandbox::{Fault, FaultKind, Row, Scenario, StackInstance, StackSet};
use serde_json::{Value, json};

use crate::support::{MANAGEMENT, OPERATION, Stage, account, event, operation, stack_set};

const INSTANCES: &str = "ListStackInstances";
const ROLL_UP: &str = "The following resource(s) failed to create: [Logging].";

fn rolled_up(count: usize) -> Vec<Row> {
    (0..count).map(|i| Row::failed(&account(i), "eu-west-1", ROLL_UP)).collect()
}

/// A stage whose function looks up the stack of one target, or of three.
async fn with_fault(fault: Fault) -> Stage {
    let set = stack_set().operation(operation("FAILED", rolled_up(5)));
    Stage::new(Scenario::new().stack_set(set).fault(fault)).await
}

fn stacks(document: &Value) -> &Value {
    &document["causes"][0]["groups"][0]["stacks"]
}

#[tokio::test]
async fn the_stacks_of_three_targets_are_linked() {
    let set = stack_set().operation(operation("FAILED", rolled_up(5)));
    let ids: Vec<String> = (0..3).map(|i| set.stack_id(&account(i), "eu-west-1")).collect();
    let stage = Stage::new(Scenario::new().stack_set(set)).await;
    let document = stage.report("FAILED").await;
    assert_eq!(document["causes"][0]["code"], "CAUSE_NOT_REPORTED");
    let listed = stacks(&document).as_array().unwrap();
    assert_eq!(listed.len(), 3);
    for (i, (stack, id)) in listed.iter().zip(&ids).enumerate() {
        let encoded = id.replace(':', "%3A").replace('/', "%2F");
        assert_eq!(
            stack,
            &json!({
                "account": account(i),
                "region": "eu-west-1",
                "stackId": id,
                "consoleUrl": format!("https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/events?stackId={encoded}"),
                "command": format!("aws cloudformation describe-events --stack-name {id} --filters FailedEvents=true --region eu-west-1"),
            })
        );
    }
    for request in stage.aws.requests_of(INSTANCES) {
        assert_eq!(request.param("StackSetName"), Some(stack_set().id().as_str()));
        assert_eq!(request.param("StackInstanceRegion"), Some("eu-west-1"));
        assert_eq!(request.param("CallAs"), Some("SELF"));
    }
}

#[tokio::test]
async fn stacks_of_a_stack_set_in_another_region_are_looked_up_there() {
    let set = StackSet::service_managed("baseline", MANAGEMENT, "us-east-1")
        .visible_to(&["DELEGATED_ADMIN"])
        .operation(operation("FAILED", rolled_up(1)));
    let arn = set.arn();
    let stage = Stage::with(Scenario::new().stack_set(set), &[("CALL_AS", "DELEGATED_ADMIN")]).await;
    stage.invoke(&event(&arn, OPERATION, "FAILED")).await.unwrap();
    assert_eq!(stacks(&stage.document()).as_array().unwrap().len(), 1);
    let request = stage.aws.requests_of(INSTANCES).remove(0);
    assert_eq!((request.region.as_str(), request.param("CallAs")), ("us-east-1", Some("DELEGATED_ADMIN")));
}

#[tokio::test]
async fn only_texts_that_do_not_say_what_went_wrong_are_looked_behind() {
    let rows = vec![
        Row::failed(&account(1), "eu-west-1", "Rate exceeded"),
        Row::cancelled(&account(2), "eu-west-1", ""),
        Row::failed(
            &account(3),
            "eu-west-1",
            "Received response status [FAILED] from custom resource. Message returned: no",
        ),
        Row::failed(&account(4), "eu-west-1", "something nobody has ever seen"),
    ];
    let stage = Stage::of(operation("FAILED", rows)).await;
    let document = stage.report("FAILED").await;
    let linked: Vec<(&str, usize)> = document["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| (cause["code"].as_str().unwrap(), cause["groups"][0]["stacks"].as_array().unwrap().len()))
        .collect();
    assert_eq!(linked, [("CUSTOM_RESOURCE_FAILED", 1), ("THROTTLING", 0), ("UNKNOWN", 1)]);
    assert_eq!(stage.aws.requests_of(INSTANCES).len(), 2);
}

#[tokio::test]
async fn nothing_is_looked_up_where_no_message_is_needed() {
    let stage = Stage::of(operation("SUCCEEDED", vec![Row::succeeded(&account(1), "eu-west-1")])).await;
    stage.ended("SUCCEEDED").await.unwrap();
    assert!(stage.aws.published().is_empty());
    assert!(stage.aws.requests_of(INSTANCES).is_empty());
}

#[tokio::test]
async fn at_most_twenty_stacks_are_looked_up_three_of_a_group() {
    let rows: Vec<Row> = (0..60)
        .map(|i| {
            let name =
                ["Alpha", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett"][i % 10];
            Row::failed(&account(i), "eu-west-1", &format!("The following resource(s) failed to create: [{name}]."))
        })
        .collect();
    let stage = Stage::of(operation("FAILED", rows)).await;
    let document = stage.report("FAILED").await;
    let groups = document["causes"][0]["groups"].as_array().unwrap();
    let linked: Vec<usize> = groups.iter().map(|group| group["stacks"].as_array().unwrap().len()).collect();
    assert_eq!(linked, [3, 3, 3, 3, 3, 3, 2, 0, 0, 0]);
    assert_eq!(stage.aws.requests_of(INSTANCES).len(), 20);
}

#[tokio::test]
async fn a_target_without_a_stack_has_no_link() {
    let instance = |i: usize| StackInstance::new(&account(i), "eu-west-1").status("OUTDATED", "FAILED");
    let id = stack_set().stack_id(&account(2), "eu-west-1");
    let elsewhere = stack_set().stack_id(&account(4), "eu-west-1");
    for (instances, wanted) in [
        (vec![], vec![]),
        (vec![instance(0), instance(1).stack_id(""), instance(2).stack_id(&id)], vec![id.as_str()]),
        // An answer that is of another target, or no ARN, is not believed.
        (vec![instance(0).stack_id(&elsewhere), instance(1).stack_id("$(reboot)")], vec![]),
    ] {
        let set = stack_set().instances(instances).operation(operation("FAILED", rolled_up(5)));
        let document = Stage::new(Scenario::new().stack_set(set)).await.report("FAILED").await;
        let ids: Vec<&str> =
            stacks(&document).as_array().unwrap().iter().map(|stack| stack["stackId"].as_str().unwrap()).collect();
        assert_eq!(ids, wanted);
    }
}

#[tokio::test]
async fn a_lookup_that_fails_leaves_the_report_as_it_was() {
    let unharmed = with_fault(Fault::error(INSTANCES, 403, "AccessDenied", "no")).await.report("FAILED").await;
    assert_eq!(stacks(&unharmed), &json!([]));
    assert_eq!(unharmed["completeness"]["complete"], true);
    for fault in [
        Fault::error(INSTANCES, 404, "StackSetNotFoundException", "gone"),
        Fault::on(INSTANCES, FaultKind::InternalFailure),
        Fault::on(INSTANCES, FaultKind::CutXml),
        Fault::on(INSTANCES, FaultKind::NotXml),
        Fault::on(INSTANCES, FaultKind::Reset),
    ] {
        let document = with_fault(fault.clone()).await.report("FAILED").await;
        assert_eq!(document, unharmed, "{fault:?}");
    }
    // Those that were found stay, and what passes is tried again.
    let second = Fault::error(INSTANCES, 403, "AccessDenied", "no").with_param("StackInstanceAccount", &account(1));
    assert_eq!(stacks(&with_fault(second).await.report("FAILED").await).as_array().unwrap().len(), 1);
    let passing = Fault::on(INSTANCES, FaultKind::Throttling).times(9);
    assert_eq!(stacks(&with_fault(passing).await.report("FAILED").await).as_array().unwrap().len(), 3);
}

/// Of 20 seconds reading has 15, and looking up stacks a fifth of what is left of them.
#[tokio::test]
async fn a_lookup_without_an_answer_does_not_hold_the_message_up() {
    for kind in [FaultKind::Hang, FaultKind::Stall, FaultKind::Throttling] {
        let stage = with_fault(Fault::on(INSTANCES, kind.clone())).await.time(Duration::from_secs(20));
        let started = Instant::now();
        let document = stage.report("FAILED").await;
        let time = started.elapsed();
        assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&time), "{kind:?}: {time:?}");
        assert_eq!(stacks(&document), &json!([]));
        assert_eq!(document["counts"]["failed"], 5);
    }
}
