//! DynamoDB's condition and update expressions for strings, numbers and sets of strings.
//!
//! Everything else is refused, so that no test passes because an expression was skipped.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    dynamodb::{Item, validation},
    error::ServiceError,
};

/// Some of the words that cannot name an attribute in an expression; the real list has hundreds.
const RESERVED: [&str; 16] = [
    "ADD", "AND", "COUNT", "DATA", "DATE", "KEY", "NAME", "NOT", "OR", "REMOVE", "SET", "STATE", "STATUS", "TIME",
    "TTL", "VALUES",
];

/// The placeholders of the request, and which of them its expressions have used.
pub(crate) struct Names {
    names: Map<String, Value>,
    values: Map<String, Value>,
    used: RefCell<BTreeSet<String>>,
}

impl Names {
    pub(crate) fn new(request: &Value) -> Result<Self, ServiceError> {
        let part = |name: &str| request[name].as_object().cloned().unwrap_or_default();
        let (names, values) = (part("ExpressionAttributeNames"), part("ExpressionAttributeValues"));
        for value in values.values() {
            check(value)?;
        }
        Ok(Self { names, values, used: RefCell::default() })
    }

    /// Refuses placeholders that no expression uses.
    pub(crate) fn all_used(&self) -> Result<(), ServiceError> {
        let used = self.used.borrow();
        match self.names.keys().chain(self.values.keys()).find(|name| !used.contains(*name)) {
            Some(name) => {
                Err(validation(&format!("Value provided in expression attributes unused in expressions: {name}")))
            }
            None => Ok(()),
        }
    }

    /// A projection: names separated by commas.
    pub(crate) fn list(&self, text: &str) -> Result<Vec<String>, ServiceError> {
        let mut parser = Parser::new(text, self)?;
        let mut list = vec![parser.name()?];
        while parser.takes(",") {
            list.push(parser.name()?);
        }
        parser.end(list)
    }

    fn name(&self, token: &str) -> Result<String, ServiceError> {
        if token.starts_with('#') {
            self.used.borrow_mut().insert(token.to_owned());
            let name = self.names.get(token).and_then(Value::as_str);
            return name.map(str::to_owned).ok_or_else(|| {
                validation(&format!("An expression attribute name used in the document path is not defined: {token}"))
            });
        }
        if RESERVED.contains(&&*token.to_ascii_uppercase()) {
            return Err(validation(&format!("Attribute name is a reserved keyword; reserved keyword: {token}")));
        }
        if token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(token.to_owned());
        }
        Err(syntax(token))
    }

    fn value(&self, token: &str) -> Result<Value, ServiceError> {
        self.used.borrow_mut().insert(token.to_owned());
        self.values.get(token).cloned().ok_or_else(|| {
            validation(&format!("An expression attribute value used in expression is not defined: {token}"))
        })
    }
}

/// What must be true for a write to happen.
#[derive(Debug)]
pub(crate) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Exists(String),
    Compare(Operand, String, Operand),
}

#[derive(Debug)]
pub(crate) enum Operand {
    Attribute(String),
    Value(Value),
    IfNotExists(String, Box<Operand>),
}

impl Condition {
    pub(crate) fn parse(text: &str, names: &Names) -> Result<Self, ServiceError> {
        let mut parser = Parser::new(text, names)?;
        let condition = parser.any()?;
        parser.end(condition)
    }

    pub(crate) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::Any(list) => list.iter().any(|one| one.holds(item)),
            Self::All(list) => list.iter().all(|one| one.holds(item)),
            Self::Not(one) => !one.holds(item),
            Self::Exists(name) => item.contains_key(name),
            Self::Compare(left, sign, right) => match (left.of(item), right.of(item)) {
                (Some(left), Some(right)) => compare(&left, sign, &right),
                // A comparison with a missing attribute is false.
                _ => false,
            },
        }
    }
}

impl Operand {
    fn of(&self, item: &Item) -> Option<Value> {
        match self {
            Self::Attribute(name) => item.get(name).cloned(),
            Self::Value(value) => Some(value.clone()),
            Self::IfNotExists(name, other) => item.get(name).cloned().or_else(|| other.of(item)),
        }
    }
}

fn compare(left: &Value, sign: &str, right: &Value) -> bool {
    let order = match (number(left), number(right), left["S"].as_str(), right["S"].as_str()) {
        (Some(left), Some(right), ..) => left.partial_cmp(&right),
        (_, _, Some(left), Some(right)) => Some(left.cmp(right)),
        _ => return sign == "=" && left == right,
    };
    order.is_some_and(|order| match sign {
        "=" => order.is_eq(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

/// `name = first`, or with a second operand that is added (`true`) or subtracted.
#[derive(Debug)]
struct Assignment {
    name: String,
    first: Operand,
    second: Option<(bool, Operand)>,
}

/// What a write changes; the right sides are read from the item as it was before.
#[derive(Debug, Default)]
pub(crate) struct Update {
    set: Vec<Assignment>,
    remove: Vec<String>,
    add: Vec<(String, Value)>,
}

impl Update {
    pub(crate) fn parse(text: &str, names: &Names) -> Result<Self, ServiceError> {
        let mut parser = Parser::new(text, names)?;
        let mut update = Self::default();
        let mut seen = BTreeSet::new();
        while let Some(clause) = parser.next() {
            let clause = clause.to_ascii_uppercase();
            if !seen.insert(clause.clone()) {
                return Err(validation(&format!(
                    "The \"{clause}\" section can only be used once in an update expression"
                )));
            }
            loop {
                match clause.as_str() {
                    "SET" => {
                        let name = parser.name()?;
                        parser.expect("=")?;
                        let first = parser.operand()?;
                        let sign = ["+", "-"].into_iter().find(|sign| parser.takes(sign));
                        let second = sign.map(|sign| Ok((sign == "+", parser.operand()?))).transpose()?;
                        update.set.push(Assignment { name, first, second });
                    }
                    "REMOVE" => update.remove.push(parser.name()?),
                    "ADD" => {
                        let name = parser.name()?;
                        let token = parser.next().unwrap_or_default();
                        update.add.push((name, names.value(&token)?));
                    }
                    other => return Err(syntax(other)),
                }
                if !parser.takes(",") {
                    break;
                }
            }
        }
        let all: Vec<&String> = update.names().collect();
        if all.is_empty() || all.iter().collect::<BTreeSet<_>>().len() < all.len() {
            return Err(validation("Invalid UpdateExpression: two document paths overlap with each other"));
        }
        Ok(update)
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        let set = self.set.iter().map(|assignment| &assignment.name);
        set.chain(&self.remove).chain(self.add.iter().map(|(name, _)| name))
    }

    pub(crate) fn touches(&self, name: &str) -> bool {
        self.names().any(|touched| touched == name)
    }

    pub(crate) fn apply(&self, item: &mut Item) -> Result<(), ServiceError> {
        let old = item.clone();
        for Assignment { name, first, second } in &self.set {
            let missing =
                || validation("The provided expression refers to an attribute that does not exist in the item");
            let mut value = first.of(&old).ok_or_else(missing)?;
            if let Some((plus, second)) = second {
                let second = second.of(&old).ok_or_else(missing)?;
                value = sum(&value, &second, if *plus { 1 } else { -1 })?;
            }
            item.insert(name.clone(), value);
        }
        for name in &self.remove {
            item.remove(name);
        }
        for (name, more) in &self.add {
            let value = match (old.get(name), more["SS"].as_array()) {
                (None, _) => more.clone(),
                (Some(known), None) => sum(known, more, 1)?,
                (Some(known), Some(more)) => {
                    let known = known["SS"].as_array().ok_or_else(wrong_type)?;
                    let union: BTreeSet<&str> = known.iter().chain(more).filter_map(Value::as_str).collect();
                    json!({"SS": union})
                }
            };
            item.insert(name.clone(), value);
        }
        Ok(())
    }
}

fn sum(left: &Value, right: &Value, sign: i64) -> Result<Value, ServiceError> {
    let whole = |value: &Value| value["N"].as_str().and_then(|text| text.parse::<i64>().ok());
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Ok(json!({"N": (left + sign * right).to_string()})),
        _ => Err(wrong_type()),
    }
}

fn wrong_type() -> ServiceError {
    validation("An operand in the update expression has an incorrect data type")
}

fn number(value: &Value) -> Option<f64> {
    value["N"].as_str()?.parse().ok()
}

fn check(value: &Value) -> Result<(), ServiceError> {
    let fine = match value.as_object().and_then(|one| one.iter().next().filter(|_| one.len() == 1)) {
        Some((kind, inner)) => match kind.as_str() {
            "S" => inner.is_string(),
            "N" => number(value).is_some(),
            "SS" => inner.as_array().is_some_and(|set| !set.is_empty() && set.iter().all(Value::is_string)),
            _ => false,
        },
        None => false,
    };
    fine.then_some(()).ok_or_else(|| validation(&format!("ExpressionAttributeValues contains invalid value: {value}")))
}

fn syntax(token: &str) -> ServiceError {
    validation(&format!("Invalid expression: Syntax error; token: {token:?}"))
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<String>>,
    names: &'a Names,
}

impl<'a> Parser<'a> {
    fn new(text: &str, names: &'a Names) -> Result<Self, ServiceError> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '#' | ':');
        let mut tokens: Vec<String> = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                '<' | '>' if rest[1..].starts_with('=') => 2,
                '(' | ')' | ',' | '=' | '<' | '>' | '+' | '-' => 1,
                other => return Err(syntax(&other.to_string())),
            };
            tokens.push(rest[..length].to_owned());
            rest = rest[length..].trim_start();
        }
        Ok(Self { tokens: tokens.into_iter().peekable(), names })
    }

    fn next(&mut self) -> Option<String> {
        self.tokens.next()
    }

    fn takes(&mut self, token: &str) -> bool {
        self.tokens.next_if(|next| next.eq_ignore_ascii_case(token)).is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), ServiceError> {
        if self.takes(token) { Ok(()) } else { Err(syntax(self.tokens.peek().map_or("<EOF>", String::as_str))) }
    }

    fn end<T>(mut self, parsed: T) -> Result<T, ServiceError> {
        self.next().map_or(Ok(parsed), |token| Err(syntax(&token)))
    }

    fn name(&mut self) -> Result<String, ServiceError> {
        let token = self.next().ok_or_else(|| syntax("<EOF>"))?;
        self.names.name(&token)
    }

    fn any(&mut self) -> Result<Condition, ServiceError> {
        let mut list = vec![self.all()?];
        while self.takes("OR") {
            list.push(self.all()?);
        }
        Ok(Condition::Any(list))
    }

    fn all(&mut self) -> Result<Condition, ServiceError> {
        let mut list = vec![self.one()?];
        while self.takes("AND") {
            list.push(self.one()?);
        }
        Ok(Condition::All(list))
    }

    fn one(&mut self) -> Result<Condition, ServiceError> {
        if self.takes("NOT") {
            return Ok(Condition::Not(Box::new(self.one()?)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            self.expect(")")?;
            return Ok(inner);
        }
        for (function, exists) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.takes(function) {
                self.expect("(")?;
                let condition = Condition::Exists(self.name()?);
                self.expect(")")?;
                return Ok(if exists { condition } else { Condition::Not(Box::new(condition)) });
            }
        }
        let left = self.operand()?;
        let sign = self.next().filter(|sign| ["=", "<", "<=", ">", ">="].contains(&sign.as_str()));
        let sign = sign.ok_or_else(|| syntax("a comparison is missing"))?;
        Ok(Condition::Compare(left, sign, self.operand()?))
    }

    fn operand(&mut self) -> Result<Operand, ServiceError> {
        if self.takes("if_not_exists") {
            self.expect("(")?;
            let name = self.name()?;
            self.expect(",")?;
            let other = self.operand()?;
            self.expect(")")?;
            return Ok(Operand::IfNotExists(name, Box::new(other)));
        }
        if self.tokens.peek().is_some_and(|token| token.starts_with(':')) {
            let token = self.next().unwrap_or_default();
            return Ok(Operand::Value(self.names.value(&token)?));
        }
        Ok(Operand::Attribute(self.name()?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Condition, Item, Names, Update};

    fn names() -> Names {
        Names::new(&json!({
            "ExpressionAttributeNames": {"#s": "status"},
            "ExpressionAttributeValues": {":a": {"S": "a"}, ":five": {"N": "5"}, ":ids": {"SS": ["x", "y"]}},
        }))
        .unwrap()
    }

    fn item(value: Value) -> Item {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn conditions() {
        let record = item(json!({"status": {"S": "a"}, "n": {"N": "4"}, "text": {"S": "5"}}));
        for (text, expected) in [
            ("#s = :a", true),
            ("n < :five", true),
            ("n > :five OR #s = :a", true),
            ("n > :five AND #s = :a", false),
            ("NOT n > :five AND #s = :a", true),
            ("attribute_exists(n) AND attribute_not_exists(gone)", true),
            ("gone < :five", false),
            ("NOT gone < :five", true),
            // Numbers compare with numbers only.
            ("text = :five", false),
            ("attribute_not_exists(n) OR (#s = :a AND n >= :five)", false),
        ] {
            assert_eq!(Condition::parse(text, &names()).unwrap().holds(&record), expected, "{text}");
        }
        for text in ["", "#s", "#s = ", "#other = :a", "#s = :other", "status = :a", "(#s = :a", "#s = :a n", "#s ~ :a"]
        {
            assert!(Condition::parse(text, &names()).is_err(), "{text}");
        }
    }

    #[test]
    fn updates() {
        let mut record = item(json!({"n": {"N": "4"}, "ids": {"SS": ["w", "x"]}, "gone": {"S": "a"}}));
        let text = "SET #s = :a, m = n, k = if_not_exists(k, :five) + n REMOVE gone ADD n :five, ids :ids, first :five";
        Update::parse(text, &names()).unwrap().apply(&mut record).unwrap();
        assert_eq!(
            Value::Object(record),
            json!({"status": {"S": "a"}, "m": {"N": "4"}, "k": {"N": "9"}, "n": {"N": "9"},
                "ids": {"SS": ["w", "x", "y"]}, "first": {"N": "5"}})
        );
        for text in ["", "SET n = :a, n = :five", "SET n = :a SET m = :a", "n = :a", "ADD n", "SET status = :a"] {
            assert!(Update::parse(text, &names()).is_err(), "{text}");
        }
        let mut record = item(json!({"t": {"S": "a"}}));
        assert!(Update::parse("ADD t :five", &names()).unwrap().apply(&mut record).is_err());
    }

    #[test]
    fn placeholders_must_be_used() {
        let names = names();
        Condition::parse("#s = :a", &names).unwrap();
        assert!(names.all_used().unwrap_err().message.ends_with(": :five"));
    }
}
