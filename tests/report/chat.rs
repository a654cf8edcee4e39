//! The chat notification as Slack and Teams would show it, as far as that can be emulated.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use stackset_notifier::render::{self, HttpsBody};
use stackset_notifier::report::ExpectGate;

use crate::make::{cancelled, described, failed, named, report, row};

/// Both take entities, bare links and single asterisks, which are bold in Slack and may be italic in
/// Teams; everything else is text.
fn shown(markdown: &str, strong: &str) -> String {
    let mut html = String::new();
    for line in markdown.split('\n') {
        let link =
            line.strip_prefix('[').and_then(|rest| rest.strip_suffix(')')).and_then(|rest| rest.split_once("]("));
        if let Some((text, link)) = link {
            let _ = writeln!(html, "<a href=\"{link}\">{text}</a><br>");
            continue;
        }
        if let Some(bold) = line.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')) {
            let _ = writeln!(html, "<{strong}>{bold}</{strong}><br>");
            continue;
        }
        for (i, word) in line.split(' ').enumerate() {
            if i > 0 {
                html.push(' ');
            }
            let bare = word.trim_end_matches(':');
            if let Some(bold) = bare.strip_prefix('*').and_then(|rest| rest.strip_suffix('*')).filter(|b| !b.is_empty())
            {
                let _ = write!(html, "<{strong}>{bold}</{strong}>{}", &word[bare.len()..]);
            } else if word.starts_with("https://") {
                let _ = write!(html, "<a href=\"{word}\">{word}</a>");
            } else {
                html.push_str(word);
            }
        }
        html.push_str("<br>\n");
    }
    html
}

fn card(chat: &Value, strong: &str) -> String {
    let content = &chat["content"];
    let list = |key: &str| -> Vec<String> {
        content[key].as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let steps: String = list("nextSteps").iter().map(|step| format!("<li>{}</li>", shown(step, strong))).collect();
    format!(
        "<h3>{}</h3>\n<p>{}</p>\n<b>Next steps</b><ol>{steps}</ol>\n<small>{}</small>",
        shown(content["title"].as_str().unwrap(), strong),
        shown(content["description"].as_str().unwrap(), strong),
        list("keywords").join(" | ")
    )
}

/// What an eye would stumble over.
#[test]
fn the_card_reads_well() {
    let mut rows: Vec<_> = (1..30).map(|account| row(account, "eu-west-1", "SUCCEEDED")).collect();
    rows.push(failed(
        30,
        "eu-west-1",
        "User: arn:aws:sts::000000000030:assumed-role/exec/x is not authorized to perform: s3:CreateBucket on resource: \
         arn:aws:s3:::logs because no <policy> allows it & *never* did",
    ));
    rows.push(failed(31, "us-east-1", "Rate exceeded"));
    rows.push(cancelled(32, "us-east-1"));
    let report = report(&rows, &named(), &described("UPDATE", "FAILED", Some(2)), ExpectGate::Auto);
    let bodies: Value = serde_json::from_str(&render::message(&report, HttpsBody::Chat).unwrap().body).unwrap();
    let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    let card = card(&chat, "b");
    assert!(card.contains("• Grant the denied action: 1 target, 1 account (ACCESS_DENIED)<br>"), "{card}");
    assert!(card.contains("no &lt;policy&gt; allows it &amp; "), "what AWS says is text, never a tag: {card}");
    assert!(card.contains("Open in CloudFormation</a>"), "{card}");
    assert!(card.contains("<li>Retry: the commands are in the email"), "{card}");
    assert!(!card.contains("<b>never</b>"), "what AWS says makes nothing bold: {card}");
}

const STYLE: &str = "body{font:16px/1.4 -apple-system,'Segoe UI',sans-serif;margin:0;padding:12px;width:366px;color:#1d1c1d} \
                     pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere;margin:0} h3{margin:0 0 6px;font-size:16px} \
                     p{margin:0 0 10px;overflow-wrap:anywhere} ol{padding-left:20px;overflow-wrap:anywhere} \
                     .card{border-left:4px solid #c33;padding:2px 0 2px 12px} .subject{font-weight:700;margin-bottom:12px} \
                     small{color:#616061}";

/// Writes the email and the chat message as a phone shows them; CONTRIBUTING.md says how the pictures are taken.
#[test]
fn pages_to_look_at() {
    let message = render::message(&crate::scenarios::three_owners(), HttpsBody::Chat).unwrap();
    let bodies: Value = serde_json::from_str(&message.body).unwrap();
    let chat: Value = serde_json::from_str(bodies["https"].as_str().unwrap()).unwrap();
    let text = bodies["email"].as_str().unwrap().replace('&', "&amp;").replace('<', "&lt;");
    let email = format!("<div class=subject>{}</div><pre>{text}</pre>", message.subject);
    let card = format!("<div class=card>{}</div>", card(&chat, "b"));
    for (name, content) in [("email", email), ("chat", card)] {
        let page = format!("<!doctype html><meta charset=utf-8><title>{name}</title><style>{STYLE}</style>{content}");
        std::fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.html")), page).unwrap();
    }
}
