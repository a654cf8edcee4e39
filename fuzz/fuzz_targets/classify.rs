//! Any text as a reason and as a gate's reason: nothing panics, and the mask is stable.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stackset_notifier::classify::{classify, classify_text, gate_meaning, mask};
use stackset_notifier::operation::{Gate, TargetResult};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let (status, rest) = text.split_once('\n').unwrap_or(("FAILED", &text));
    let (reason, gate) = rest.split_once('\n').unwrap_or((rest, rest));
    let masked = mask(reason);
    assert_eq!(mask(&masked), masked, "the mask of a masked text is the text");
    let _ = classify_text(reason);
    for gate_status in ["SUCCEEDED", "FAILED", "SKIPPED", status] {
        let row = TargetResult {
            status: Some(status.into()),
            reason: Some(reason.to_owned()),
            gate: Some(Gate { status: Some(gate_status.into()), reason: Some(gate.to_owned()) }),
            ..TargetResult::default()
        };
        let _ = gate_meaning(&row);
        if let Some(cause) = classify(&row) {
            let _ = cause.code.next_step(&cause.named).with_names(&cause.named);
        }
    }
});
