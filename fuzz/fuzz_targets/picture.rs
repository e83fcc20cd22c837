//! Any bytes are a picture within bounds, or there is a reason why not; one that is labelled is the same
//! picture with its label.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wardgate::picture::label::{Label, Words, labelled};
use wardgate::picture::{drawing, look};

static LABEL: LazyLock<Label> = LazyLock::new(|| Label {
    words: Words::English,
    producer: "fuzz".to_owned(),
    id: "1".to_owned(),
});

/// Bytes up to which a picture is labelled as well: encoding is what takes longest.
const LABELLED_BYTES: usize = 2048;
/// Pixels up to which a grey one is drawn in its place.
const DRAWN_PIXELS: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Ok(seen) = look(bytes) else { return };
    if u64::from(seen.width) * u64::from(seen.height) <= DRAWN_PIXELS {
        assert!(drawing::in_place_of(&seen).is_some());
    }
    if bytes.len() > LABELLED_BYTES {
        return;
    }
    if let Ok(file) = labelled(bytes, &LABEL) {
        let again = look(&file).expect("what was written can be read");
        assert_eq!((seen.width, seen.height), (again.width, again.height));
        assert!(again.metadata.generated, "the label is there");
    }
});
