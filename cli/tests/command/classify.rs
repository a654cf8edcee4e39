//! Failure texts, one a line.

use crate::support::{Run, file};

const TEXTS: &str = "Internal Failure\r\n\nAccount 1 should have 'X' role with trust relationship to Role 'Y'.\n\
                     Zephyr\u{1b}[31m\u{7}\n";

#[test]
fn texts_have_causes_owners_and_next_steps() {
    let done = Run::new(&["classify"]).input(TEXTS).done();
    assert_eq!(done.code, 0);
    insta::assert_snapshot!(done.out);
    let path = file("reasons.txt", TEXTS);
    assert_eq!(Run::new(&["classify", &path]).done().out, done.out);
    for format in ["csv", "jsonl", "json", "markdown"] {
        let done = Run::new(&["classify", "--output", format]).input(TEXTS).done();
        assert!(done.code == 0 && !done.out.contains('\u{1b}'), "{done:?}");
        insta::assert_snapshot!(format!("classify_{format}"), done.out);
    }
}

#[test]
fn what_is_no_utf8_is_taken_as_it_can_be() {
    let done = Run::new(&["classify"]).input(b"Rate exceeded \xff\n").done();
    assert!(done.out.starts_with("THROTTLING"), "{}", done.out);
    let done = Run::new(&["classify", "/nowhere"]).done();
    assert_eq!(done.code, 2);
}
