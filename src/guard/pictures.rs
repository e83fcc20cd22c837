//! Pictures of an answer: looked at before a byte of them leaves, judged beside what the prompt showed.

use std::ops::Range;
use std::sync::Arc;

use super::{Context, Record};
use crate::codec::pictures::{Found, Picture, in_document};
use crate::codec::{Lane, ReadError};
use crate::config::{ImageUrls, OnFailure};
use crate::gallery::Gallery;
use crate::message::{Direction, Role};
use crate::picture::{Seen, Unreadable};
use crate::policy::{Action, Detection, Horizon, Judge};

/// Code of an answer with a picture that nobody could look at.
pub const UNREADABLE_CODE: &str = "unreadable_picture";

/// What the app says of pictures, and who looks at them.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Looks.
    pub gallery: Arc<Gallery>,
    /// What happens to what nobody can read.
    pub on_failure: OnFailure,
    /// What happens to pictures that lie elsewhere.
    pub image_urls: ImageUrls,
}

impl Default for Sight {
    fn default() -> Self {
        Self {
            gallery: Arc::default(),
            on_failure: OnFailure::Block,
            image_urls: ImageUrls::Unseen,
        }
    }
}

/// What is withheld of an answer for its pictures: all of it.
#[derive(Debug)]
pub struct Withheld {
    /// The detection that decides.
    pub detection: Detection,
    /// What is done.
    pub action: Action,
}

/// The pictures of a body or an event, but for strings that are words.
///
/// # Errors
/// An address, where the app refuses those.
pub fn find(
    context: &Context,
    record: &dyn Record,
    body: &[u8],
    read: &[Range<usize>],
) -> Result<Vec<Picture>, ReadError> {
    // What is no JSON is the codec's to refuse.
    let found = in_document(body, read, &context.read).unwrap_or_default();
    let Found {
        pictures,
        addresses,
    } = found;
    match context.sight.image_urls {
        ImageUrls::Refuse if addresses => Err(ReadError {
            code: "picture_url",
            message: "a picture is named by its address".to_owned(),
        }),
        ImageUrls::Unseen if addresses => {
            record.picture_unseen();
            Ok(pictures)
        }
        _ => Ok(pictures),
    }
}

/// Looks at pictures, one after another.
///
/// # Errors
/// Why one cannot be read, unless the app lets those pass.
pub async fn look(
    sight: Sight,
    record: Arc<dyn Record>,
    pictures: Vec<Picture>,
) -> Result<Vec<Arc<Seen>>, Unreadable> {
    let mut all = Vec::with_capacity(pictures.len());
    for picture in pictures {
        match sight.gallery.look(picture).await {
            Ok(seen) => {
                record.saw(Direction::Output, &seen);
                all.push(seen);
            }
            Err(_) if sight.on_failure == OnFailure::Allow => record.picture_unseen(),
            Err(why) => return Err(why),
        }
    }
    Ok(all)
}

/// Judges what was seen in an answer's pictures.
pub fn judge(context: &Context, record: &dyn Record, pictures: &[Arc<Seen>]) -> Option<Withheld> {
    let (set, selection) = (Arc::clone(&context.set), Arc::clone(&context.selection));
    let role = Role::Assistant;
    let judge = Judge::new(
        set,
        selection,
        context.scene,
        role,
        Horizon::Whole,
        &context.carried,
    );
    let mut judge = judge.after(context.talk.clone(), role);
    let mut found = Vec::new();
    for seen in pictures {
        judge.part();
        let detectors = &context.set.detectors;
        for hit in detectors.look(seen) {
            judge.hit(&hit, &mut found);
        }
        for text in seen.texts() {
            judge.part();
            for hit in detectors.scan(text) {
                judge.hit(&hit, &mut found);
            }
        }
    }
    judge.finish(&mut found);
    let lane = Lane {
        choice: 0,
        field: 0,
    };
    for detection in &found {
        record.detection(detection, lane, "");
    }
    let acting = found.into_iter().map(|detection| Withheld {
        action: context.effective(&detection),
        detection,
    });
    // A part of a picture cannot be withheld, so whatever withholds withholds the picture.
    acting
        .filter(|one| one.action.withholds())
        .max_by_key(|one| one.action)
}
