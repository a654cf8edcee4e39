//! XML -> a page of results, and whether an answer is whole.

use aws_sdk_cloudformation::operation::list_stack_set_operation_results::ListStackSetOperationResultsOutput as Page;
use aws_sdk_cloudformation::types::{AccountGateResult, StackSetOperationResultSummary};
use quick_xml::Reader;
use quick_xml::de::Deserializer;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde::Deserialize;

/// What keeps an answer from being one whole document of a service.
type Broken = String;

/// Takes in a page of `ListStackSetOperationResults`.
///
/// The deserializer refuses what [`check`] refuses, so there is no need for both.
pub(super) fn results(answer: &[u8]) -> Result<Page, Broken> {
    let text = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let mut deserializer = Deserializer::from_str(text.trim_end());
    let answer = Answer::deserialize(&mut deserializer).map_err(|error| error.to_string())?;
    if !deserializer.is_empty() {
        return Err("there is something after it".to_owned());
    }
    let rows = answer.result.summaries.member.into_iter().map(Row::into_summary).collect();
    Ok(Page::builder().set_summaries(Some(rows)).set_next_token(answer.result.next_token).build())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "ListStackSetOperationResultsResult")]
    result: PageOfResults,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PageOfResults {
    #[serde(default)]
    summaries: Summaries,
    next_token: Option<String>,
}

#[derive(Deserialize, Default)]
struct Summaries {
    #[serde(default)]
    member: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    account: Option<String>,
    region: Option<String>,
    status: Option<String>,
    status_reason: Option<String>,
    account_gate_result: Option<GateResult>,
    organizational_unit_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GateResult {
    status: Option<String>,
    status_reason: Option<String>,
}

impl Row {
    fn into_summary(self) -> StackSetOperationResultSummary {
        let gate = |gate: GateResult| {
            let status = gate.status.as_deref().map(Into::into);
            AccountGateResult::builder().set_status(status).set_status_reason(gate.status_reason).build()
        };
        StackSetOperationResultSummary::builder()
            .set_account(self.account)
            .set_region(self.region)
            .set_status(self.status.as_deref().map(Into::into))
            .set_status_reason(self.status_reason)
            .set_account_gate_result(self.account_gate_result.map(gate))
            .set_organizational_unit_id(self.organizational_unit_id)
            .build()
    }
}

/// Reads an answer to its end.
pub(super) fn check(answer: &[u8]) -> Result<(), Broken> {
    let text = std::str::from_utf8(answer).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_str(text);
    let (mut depth, mut has_begun) = (0_usize, false);
    let mut open = |name: &str, depth: usize| {
        let is_root = depth == 0;
        // A proxy's page has another root, and nothing comes after a document's end.
        if is_root && (has_begun || !name.ends_with("Response")) {
            return Err(format!("<{name}> is no answer of the service"));
        }
        has_begun = true;
        Ok(())
    };
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(element) => {
                open(element.name().0, depth)?;
                depth += 1;
            }
            Event::Empty(element) => open(element.name().0, depth)?,
            Event::End(_) => depth -= 1,
            Event::GeneralRef(entity) if depth > 0 => {
                let char = entity.resolve_char_ref().map_err(|error| error.to_string())?;
                if char.is_none() && resolve_predefined_entity(&entity).is_none() {
                    return Err(format!("&{}; is not known", &*entity));
                }
            }
            Event::Text(text) if depth > 0 || text.trim().is_empty() => {}
            Event::CData(_) if depth > 0 => {}
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => return Err("there is text around it".to_owned()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof if depth > 0 => return Err(format!("{depth} elements are not closed")),
            Event::Eof if !has_begun => return Err("it is empty".to_owned()),
            Event::Eof => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::AccountGateStatus;

    use super::*;

    const PAGE: &str = r#"<?xml version="1.0"?>
<ListStackSetOperationResultsResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <ListStackSetOperationResultsResult>
    <Summaries>
      <member>
        <Account>210000000001</Account><Region>eu-west-1</Region><Status>FAILED</Status>
        <StatusReason> a &lt; b &amp;&#x20;c /> é <![CDATA[<d>]]>.. </StatusReason>
        <AccountGateResult><Status>SKIPPED</Status><StatusReason>Function not found</StatusReason></AccountGateResult>
        <OrganizationalUnitId/>
        <Invented><Status>NOT_OURS</Status></Invented>
      </member>
      <!-- a comment --><member><Status>NEW</Status><AccountGateResult/></member><member/>
    </Summaries>
    <NextToken>a+b/c==</NextToken>
  </ListStackSetOperationResultsResult>
  <ResponseMetadata><RequestId>b9b4b068-3a41-11e5-94eb-example</RequestId></ResponseMetadata>
</ListStackSetOperationResultsResponse>
"#;

    #[test]
    fn a_page_is_taken_in() {
        let page = results(PAGE.as_bytes()).unwrap();
        assert_eq!(page.next_token(), Some("a+b/c=="));
        let gate = |status: Option<&str>, reason: Option<&str>| {
            let status = status.map(AccountGateStatus::from);
            AccountGateResult::builder().set_status(status).set_status_reason(reason.map(str::to_owned)).build()
        };
        let row = StackSetOperationResultSummary::builder;
        let wanted = [
            row()
                .account("210000000001")
                .region("eu-west-1")
                .status("FAILED".into())
                .status_reason(" a < b & c /> é <d>.. ")
                .account_gate_result(gate(Some("SKIPPED"), Some("Function not found")))
                .organizational_unit_id("")
                .build(),
            row().status("NEW".into()).account_gate_result(gate(None, None)).build(),
            row().build(),
        ];
        assert_eq!(page.summaries(), wanted);
    }

    #[test]
    fn an_answer_cut_anywhere_is_broken() {
        for end in 0..PAGE.trim_end().len() {
            let cut = &PAGE.as_bytes()[..end];
            assert!(check(cut).is_err() && results(cut).is_err(), "{}", String::from_utf8_lossy(cut));
        }
        check(PAGE.as_bytes()).unwrap();
    }

    #[test]
    fn tags_that_do_not_match_are_broken() {
        for (right, wrong) in [
            ("</Account>", "</Mangled>"),
            ("<OrganizationalUnitId/>", "<OrganizationalUnitId>"),
            ("<OrganizationalUnitId/>", "</OrganizationalUnitId>"),
            ("</member><member/>", "<member/>"),
            ("&lt;", "&unknown;"),
            ("&lt;", "&lt"),
            ("é", "é</StatusReason></member></Summaries>"),
        ] {
            let broken = PAGE.replacen(right, wrong, 1);
            assert!(results(broken.as_bytes()).is_err() && check(broken.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_answer_is_broken() {
        let twice = format!("{PAGE}{PAGE}");
        let page = "<ListStackSetOperationResultsResponse/>";
        for other in ["", "  ", "<html><body>proxy</body></html>", "<?xml version=\"1.0\"?>", &twice, "a<XResponse/>"] {
            assert!(check(other.as_bytes()).is_err(), "{other}");
        }
        assert!(check(&PAGE.as_bytes()[PAGE.len() - 5..]).is_err());
        assert!(check(b"<XResponse>\xe9</XResponse>").is_err());
        assert!(results(page.as_bytes()).unwrap_err().contains("ListStackSetOperationResultsResult"));
        check(page.as_bytes()).unwrap();
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

        /// The other answers are checked, and pages are deserialized: both refuse the same.
        #[test]
        fn what_the_check_refuses_is_no_page(
            from in 0..PAGE.len(),
            length in 0..60_usize,
            to in 0..PAGE.len(),
            put in proptest::sample::select(vec!["", "<", ">", "/", "</member>", "<a>", "</a>", "]]>", "<!--", "x"]),
        ) {
            let copied = PAGE.as_bytes();
            let end = (from + length).min(copied.len());
            // Cut a piece out, put something in its place, and copy the piece to elsewhere.
            let cut = [&copied[..from], put.as_bytes(), &copied[end..]].concat();
            let at = to.min(cut.len());
            let moved = [&cut[..at], &copied[from..end], &cut[at..]].concat();
            for answer in [&cut, &moved] {
                let page = results(answer);
                proptest::prop_assert!(
                    check(answer).is_ok() || page.is_err(),
                    "{}", String::from_utf8_lossy(answer)
                );
            }
        }
    }
}
