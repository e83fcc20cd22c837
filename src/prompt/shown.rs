//! What pictures of a request say where a picture is asked for: whoever looks at it reads the words in it, so
//! rules for texts hold for them as they do in a chat, whatever the words beside it ask for.

use std::sync::Arc;

use crate::app::App;
use crate::detect::Hit;
use crate::message::Part;
use crate::policy::{self, Detection, PolicySet, Scene, Scoring, outlook};
use crate::sight::Pictured;

/// The parts that pictures are, read as a text.
pub(super) struct Shown<'p> {
    scene: Scene,
    parts: &'p [Part],
    pictures: &'p [Pictured],
}

impl<'p> Shown<'p> {
    /// Nothing where rules for texts hold anyway, or no picture says something.
    pub fn of(scene: Scene, parts: &'p [Part], pictures: &'p [Pictured]) -> Option<Self> {
        let speaks = |one: &Pictured| one.parts.len() > 1;
        let scene = scene.as_text()?;
        pictures.iter().any(speaks).then_some(Self {
            scene,
            parts,
            pictures,
        })
    }

    /// Adds what rules for texts find in pictures.
    pub fn judge(
        &self,
        set: &Arc<PolicySet>,
        app: &App,
        hits: &[Arc<[Hit]>],
        found: &mut Vec<Detection>,
    ) {
        let hits = self.alone(hits);
        let (verdict, _) =
            policy::judge_conversation(set, &app.selection, self.scene, self.parts, &hits);
        let mut new = verdict.detections;
        new.retain(|one| !found.contains(one));
        found.append(&mut new);
    }

    /// Adds the turns whose sentences could change what [`Self::judge`] finds.
    pub fn scored(
        &self,
        set: &PolicySet,
        app: &App,
        hits: &[Arc<[Hit]>],
        found: &[Detection],
        wanted: &mut [Scoring],
    ) {
        let hits = self.alone(hits);
        let as_text = set.outlook(&app.selection, self.scene);
        let as_text = as_text.scored(self.parts, &hits, found);
        for turn in outlook::turns(self.parts) {
            let within = |one: &Pictured| turn.contains(&one.parts.start);
            if self.pictures.iter().any(within) {
                let both = wanted[turn.start].clone().or(&as_text[turn.start]);
                wanted[turn].fill(both);
            }
        }
    }

    /// What is seen in pictures, and nothing of the words beside them.
    fn alone(&self, hits: &[Arc<[Hit]>]) -> Vec<Arc<[Hit]>> {
        let mut alone = vec![Arc::from([]); hits.len()];
        for picture in self.pictures {
            let parts = picture.parts.clone();
            alone[parts.clone()].clone_from_slice(&hits[parts]);
        }
        alone
    }
}
