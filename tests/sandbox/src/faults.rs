//! What goes wrong, as data.

use std::time::Duration;

use crate::call::Call;

/// One thing that goes wrong.
///
/// Without further conditions it applies to every call of its action, without end. If several faults apply to one call,
/// their delays add up, and the first other fault decides the response.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The action, such as `Publish`; `List*` is every action that begins with `List`, and `*` is every action.
    pub action: String,
    /// Which calls of the action.
    pub when: When,
    /// How many more times it happens; `None` is without end.
    pub left: Option<usize>,
    /// Parameters that the call must have; with `None`, it must not have the parameter.
    pub params: Vec<(String, Option<String>)>,
    /// What happens.
    pub kind: FaultKind,
}

/// Which calls of an action a fault applies to; all numbers start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// The call with this number, counted over the life of the server, failed ones included.
    Call(usize),
    /// The call with this number and all later ones.
    FromCall(usize),
    /// The calls with the multiples of this number: with 3, the third, the sixth and so on.
    EveryCall(usize),
    /// Calls for this page of a list, however often it is asked for.
    Page(usize),
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An error document.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: String,
        /// The message.
        message: String,
    },
    /// `Throttling`, "Rate exceeded", which is a 400.
    Throttling,
    /// `InternalFailure`, 500.
    InternalFailure,
    /// `ServiceUnavailable`, 503.
    ServiceUnavailable,
    /// The connection is closed without a response, and the call is not carried out.
    Reset,
    /// The call is carried out, then the connection is closed without a response.
    LostAnswer,
    /// The call is carried out and half of the promised body is sent.
    ResetMidBody,
    /// The call is carried out and half of the promised body is sent, and then nothing more until the server stops.
    Stall,
    /// No response until the server stops; the call is not carried out.
    Hang,
    /// The call is carried out, but there is no response until the server stops.
    Silence,
    /// The call is carried out at once, and the response comes this much later.
    Delay(Duration),
    /// A whole HTTP 200 whose XML stops in mid-element, halfway through the rows.
    CutXml,
    /// HTTP 200 with a tag that closes what was never opened, halfway through the rows.
    MalformedXml,
    /// HTTP 200 with an element that is closed under another name, halfway through the rows.
    RenamedTag,
    /// A proxy's HTML page with a 502; the call is not carried out.
    NotXml,
    /// The page hands out the token that leads to itself.
    RepeatToken,
    /// `<NextToken></NextToken>` in place of the token.
    EmptyToken,
    /// The last page hands out a token too; it leads to an empty page without a token.
    LeftoverToken,
    /// A page without rows, whose token leads to the rows that it should have had.
    EmptyPage,
    /// The page hands out no token although rows are left.
    LostToken,
    /// A batched read serves the first half of its keys and hands back the others.
    Unprocessed,
}

/// A fault that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The action that was called.
    pub action: String,
    /// Which call of that action it was, from 1.
    pub call: usize,
    /// What happened to it.
    pub kind: FaultKind,
}

impl Fault {
    /// A fault of every call of `action` (`List*`: of every action that begins with `List`), without end.
    pub fn on(action: &str, kind: FaultKind) -> Self {
        Self { action: action.to_owned(), when: When::Always, left: None, params: Vec::new(), kind }
    }

    /// An error document for every call of `action`.
    pub fn error(action: &str, status: u16, code: &str, message: &str) -> Self {
        Self::on(action, FaultKind::Error { status, code: code.to_owned(), message: message.to_owned() })
    }

    /// Only the call with this number, from 1.
    #[must_use]
    pub fn call(mut self, number: usize) -> Self {
        self.when = When::Call(number);
        self
    }

    /// The call with this number, from 1, and all later ones.
    #[must_use]
    pub fn from_call(mut self, number: usize) -> Self {
        self.when = When::FromCall(number);
        self
    }

    /// Only every call whose number is a multiple of this one: `every(3)` is every third call of the action.
    #[must_use]
    pub fn every(mut self, number: usize) -> Self {
        self.when = When::EveryCall(number);
        self
    }

    /// Only calls for this page of a list, from 1.
    #[must_use]
    pub fn page(mut self, number: usize) -> Self {
        self.when = When::Page(number);
        self
    }

    /// Only calls with this parameter, such as (`OperationId`, `op-1`) or (`Filters.member.1.Values`, `FAILED`).
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), Some(value.to_owned())));
        self
    }

    /// Only calls without this parameter.
    #[must_use]
    pub fn without_param(mut self, name: &str) -> Self {
        self.params.push((name.to_owned(), None));
        self
    }

    /// Only calls about this operation of a stack set.
    #[must_use]
    pub fn operation(self, id: &str) -> Self {
        self.with_param("OperationId", id)
    }

    /// Only calls about this stack.
    #[must_use]
    pub fn stack(self, arn: &str) -> Self {
        self.with_param("StackName", arn)
    }

    /// Only lists of results with this status as their filter.
    #[must_use]
    pub fn filter(self, status: &str) -> Self {
        self.with_param("Filters.member.1.Values", status)
    }

    /// Only lists without a filter.
    #[must_use]
    pub fn unfiltered(self) -> Self {
        self.without_param("Filters.member.1.Values")
    }

    /// Only calls with this `CallAs`; a call that does not name one is `SELF`.
    #[must_use]
    pub fn call_as(self, value: &str) -> Self {
        self.with_param("CallAs", value)
    }

    /// Only the first `count` of the calls that it applies to.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.left = Some(count);
        self
    }

    /// Only the first of the calls that it applies to.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    fn applies_to(&self, call: &Call, number: usize, page: Option<usize>) -> bool {
        self.left != Some(0)
            && match self.action.strip_suffix('*') {
                Some(start) => call.action.starts_with(start),
                None => call.action == self.action,
            }
            && match self.when {
                When::Always => true,
                When::Call(wanted) => number == wanted,
                When::FromCall(first) => number >= first,
                When::EveryCall(each) => number.is_multiple_of(each),
                When::Page(wanted) => page == Some(wanted),
            }
            && self.params.iter().all(|(name, value)| {
                let default = (name == "CallAs").then_some("SELF");
                call.param(name).or(default) == value.as_deref()
            })
    }
}

/// The faults that apply to one call.
#[derive(Debug, Default)]
pub(crate) struct CallFaults {
    pub(crate) delay: Duration,
    pub(crate) kind: Option<FaultKind>,
    pub(crate) fired: Vec<Fired>,
}

/// Finds the faults of a call and counts them as happened.
pub(crate) fn take(faults: &mut [Fault], call: &Call, number: usize, page: Option<usize>) -> CallFaults {
    let mut found = CallFaults::default();
    for fault in faults {
        let is_delay = matches!(fault.kind, FaultKind::Delay(_));
        if (found.kind.is_some() && !is_delay) || !fault.applies_to(call, number, page) {
            continue;
        }
        match &fault.kind {
            FaultKind::Delay(delay) => found.delay += *delay,
            kind => found.kind = Some(kind.clone()),
        }
        if let Some(left) = &mut fault.left {
            *left -= 1;
        }
        found.fired.push(Fired { action: call.action.clone(), call: number, kind: fault.kind.clone() });
    }
    found
}

/// Where a body is damaged: inside the text of the first element of its middle row, or in its middle if it has no rows.
fn damage_position(body: &str) -> usize {
    let rows: Vec<usize> = body.match_indices("<member>").map(|(at, _)| at).collect();
    let middle = match rows.get(rows.len() / 2) {
        Some(row) => {
            let element = row + "<member>".len();
            let text = body[element..].find('>').map_or(element, |at| element + at + 1);
            text + 4
        }
        None => body.len() / 2,
    };
    (0..=middle.min(body.len())).rev().find(|&at| body.is_char_boundary(at)).unwrap_or(0)
}

/// The first part of the body.
pub(crate) fn cut(mut body: String) -> String {
    body.truncate(damage_position(&body));
    body
}

/// The body with a closing tag of an element that is not open.
pub(crate) fn add_tag(mut body: String) -> String {
    body.insert_str(damage_position(&body), "</Mangled>");
    body
}

/// The body with another name in its next closing tag.
pub(crate) fn rename_tag(mut body: String) -> String {
    let at = damage_position(&body);
    if let Some(tag) = body[at..].find("</").map(|tag| at + tag) {
        let end = body[tag..].find('>').map_or(body.len(), |end| tag + end);
        body.replace_range(tag..end, "</Mangled");
    }
    body
}

#[cfg(test)]
mod tests {
    use super::{add_tag, cut, rename_tag};

    #[test]
    fn the_middle_row_is_damaged() {
        let body = "<R><member><Account>111111111111</Account></member>\
                    <member><Account>222222222222</Account></member></R>";
        assert_eq!(cut(body.to_owned()), "<R><member><Account>111111111111</Account></member><member><Account>2222");
        assert!(add_tag(body.to_owned()).contains("<Account>2222</Mangled>22222222</Account>"));
        assert!(rename_tag(body.to_owned()).ends_with("<member><Account>222222222222</Mangled></member></R>"));
        assert_eq!(cut("<R>é</R>".to_owned()), "<R>");
    }
}
