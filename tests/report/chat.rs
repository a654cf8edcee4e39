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

/// Writes the cards to a page to look at, and checks what an eye would stumble over.
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
    let [card, teams] = ["b", "i"].map(|strong| card(&chat, strong));
    assert!(card.contains("• Grant the denied action: 1 target, 1 account (ACCESS_DENIED)<br>"), "{card}");
    assert!(card.contains("no &lt;policy&gt; allows it &amp; "), "what AWS says is text, never a tag: {card}");
    assert!(card.contains("Open in CloudFormation</a>"), "{card}");
    assert!(card.contains("<li>Retry: 3 commands are in the email"), "{card}");
    assert!(!card.contains("<b>never</b>"), "what AWS says makes nothing bold: {card}");
    let page = format!(
        "<meta charset=utf-8><style>body{{font:15px sans-serif;margin:24px}} div{{border-left:4px solid #c33;padding:8px 16px;\
         margin:16px 0;background:#fafafa}} .slack{{width:640px}} .teams{{width:420px}}</style>\n<h2>Slack</h2><div class=slack>{card}\
         </div><h2>Microsoft Teams</h2><div class=teams>{teams}</div>"
    );
    std::fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("chat.html"), page).unwrap();
}
