//! XML -> a page of results, and whether an answer is whole.
//!
//! The results of 100,000 targets are 45 MB of XML. So their pages are taken in by a parser that is
//! several times as fast as the SDK's, and that knows when tags do not match: the SDK's goes on then.

use aws_sdk_cloudformation::operation::list_stack_set_operation_results::ListStackSetOperationResultsOutput as Page;
use aws_sdk_cloudformation::types::{
    AccountGateResult, AccountGateStatus, StackSetOperationResultStatus, StackSetOperationResultSummary,
};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// What keeps an answer from being one whole document of a service.
type Broken = String;

/// Reads an answer to its end.
pub(super) fn check(answer: &[u8]) -> Result<(), Broken> {
    walk(answer, |_| {})
}

/// Takes in a page of `ListStackSetOperationResults`.
pub(super) fn results(answer: &[u8]) -> Result<Page, Broken> {
    let mut taken = Taken::default();
    walk(answer, |step| taken.step(step))?;
    if !taken.has_result {
        return Err("it has no result".to_owned());
    }
    Ok(Page::builder().set_summaries(Some(taken.rows)).set_next_token(taken.next_token).build())
}

/// What is met on the way through a document.
enum Step<'a> {
    Open(&'a str),
    Text(&'a str),
    Char(char),
    Close,
}

fn walk(answer: &[u8], mut on: impl FnMut(Step<'_>)) -> Result<(), Broken> {
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
                on(Step::Open(element.name().0));
            }
            Event::Empty(element) => {
                open(element.name().0, depth)?;
                on(Step::Open(element.name().0));
                on(Step::Close);
            }
            Event::End(_) => {
                depth -= 1;
                on(Step::Close);
            }
            Event::Text(text) if depth > 0 => on(Step::Text(&text)),
            Event::Text(text) if text.trim().is_empty() => {}
            Event::CData(text) if depth > 0 => on(Step::Text(&text)),
            Event::GeneralRef(entity) if depth > 0 => {
                match (
                    entity.resolve_char_ref().map_err(|error| error.to_string())?,
                    resolve_predefined_entity(&entity),
                ) {
                    (Some(char), _) => on(Step::Char(char)),
                    (None, Some(text)) => on(Step::Text(text)),
                    (None, None) => return Err(format!("nothing is known by &{};", &*entity)),
                }
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => return Err("there is text around it".to_owned()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof if depth > 0 => return Err(format!("{depth} elements are not closed")),
            Event::Eof if !has_begun => return Err("it is empty".to_owned()),
            Event::Eof => return Ok(()),
        }
    }
}

/// An element's place on a page.
#[derive(Clone, Copy)]
enum Place {
    Root,
    Result,
    Rows,
    Row,
    Gate,
    Field(Field),
    Other,
}

#[derive(Clone, Copy)]
enum Field {
    NextToken,
    Account,
    Region,
    Status,
    Reason,
    Unit,
    GateStatus,
    GateReason,
}

/// A page as far as it was taken in.
#[derive(Default)]
struct Taken {
    places: Vec<Place>,
    has_result: bool,
    next_token: Option<String>,
    rows: Vec<StackSetOperationResultSummary>,
    row: Fields,
    /// The text of the field that is open.
    text: String,
}

/// A row as far as it was taken in.
#[derive(Default)]
struct Fields {
    account: Option<String>,
    region: Option<String>,
    status: Option<StackSetOperationResultStatus>,
    reason: Option<String>,
    unit: Option<String>,
    has_gate: bool,
    gate_status: Option<AccountGateStatus>,
    gate_reason: Option<String>,
}

impl Taken {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Open(name) => self.open(name),
            Step::Close => self.close(),
            Step::Text(text) if self.is_in_field() => self.text.push_str(text),
            Step::Char(char) if self.is_in_field() => self.text.push(char),
            Step::Text(_) | Step::Char(_) => {}
        }
    }

    fn is_in_field(&self) -> bool {
        matches!(self.places.last(), Some(Place::Field(_)))
    }

    fn open(&mut self, name: &str) {
        let place = match (self.places.last(), name) {
            (None, "ListStackSetOperationResultsResponse") => Place::Root,
            (Some(Place::Root), "ListStackSetOperationResultsResult") => {
                self.has_result = true;
                Place::Result
            }
            (Some(Place::Result), "Summaries") => Place::Rows,
            (Some(Place::Result), "NextToken") => Place::Field(Field::NextToken),
            (Some(Place::Rows), "member") => Place::Row,
            (Some(Place::Row), "Account") => Place::Field(Field::Account),
            (Some(Place::Row), "Region") => Place::Field(Field::Region),
            (Some(Place::Row), "Status") => Place::Field(Field::Status),
            (Some(Place::Row), "StatusReason") => Place::Field(Field::Reason),
            (Some(Place::Row), "OrganizationalUnitId") => Place::Field(Field::Unit),
            (Some(Place::Row), "AccountGateResult") => {
                self.row.has_gate = true;
                Place::Gate
            }
            (Some(Place::Gate), "Status") => Place::Field(Field::GateStatus),
            (Some(Place::Gate), "StatusReason") => Place::Field(Field::GateReason),
            _ => Place::Other,
        };
        self.places.push(place);
    }

    fn close(&mut self) {
        match self.places.pop() {
            Some(Place::Field(field)) => self.fill(field),
            Some(Place::Row) => {
                let row = std::mem::take(&mut self.row);
                self.rows.push(row.into_row());
            }
            _ => {}
        }
    }

    fn fill(&mut self, field: Field) {
        let row = &mut self.row;
        match field {
            Field::Status => row.status = Some(self.text.as_str().into()),
            Field::GateStatus => row.gate_status = Some(self.text.as_str().into()),
            Field::NextToken => self.next_token = Some(self.text.clone()),
            Field::Account => row.account = Some(self.text.clone()),
            Field::Region => row.region = Some(self.text.clone()),
            Field::Reason => row.reason = Some(self.text.clone()),
            Field::Unit => row.unit = Some(self.text.clone()),
            Field::GateReason => row.gate_reason = Some(self.text.clone()),
        }
        self.text.clear();
    }
}

impl Fields {
    fn into_row(self) -> StackSetOperationResultSummary {
        let gate =
            || AccountGateResult::builder().set_status(self.gate_status).set_status_reason(self.gate_reason).build();
        StackSetOperationResultSummary::builder()
            .set_account(self.account)
            .set_region(self.region)
            .set_status(self.status)
            .set_status_reason(self.reason)
            .set_account_gate_result(self.has_gate.then(gate))
            .set_organizational_unit_id(self.unit)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<?xml version="1.0"?>
<ListStackSetOperationResultsResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
  <ListStackSetOperationResultsResult>
    <Summaries>
      <member>
        <Account>210000000001</Account><Region>eu-west-1</Region><Status>FAILED</Status>
        <StatusReason>a &lt; b &amp;&#x20;c /> é <![CDATA[<d>]]>..</StatusReason>
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
                .status_reason("a < b & c /> é <d>..")
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
        assert_eq!(results(page.as_bytes()).unwrap_err(), "it has no result");
        check(page.as_bytes()).unwrap();
    }
}
