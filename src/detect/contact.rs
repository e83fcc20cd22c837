//! Ways to reach somebody outside the conversation: which reader looks for e-mail addresses and
//! links, and patterns of bounded width over the skeleton for the rest.

use super::ContactKind;
use super::address::Shape;
use super::window::Window;

/// A name or number in a messenger: it must be introduced (":", "号", "@") or hold a digit, so
/// that "QQ music" is none.
const HANDLE: &str = r"[a-z0-9][a-z0-9_.-]{2,29}";
const HANDLE_WITH_DIGIT: &str = r"[a-z_-]{0,12}[0-9][a-z0-9_-]{3,20}";

/// Messengers by the names and shorthands that Chinese uses; Latin ones end at a word border.
const CHINESE: &str = r"(?:微信|薇信|威信|v信|扣扣|企鹅|(?-u:\b)(?:vx|wx|qq|wechat|weixin))";
const WESTERN: &str =
    r"(?-u:\b)(?:telegram|tg|snapchat|snap|discord|whatsapp|signal|kik|instagram|insta|ig)";

/// What reads a kind by hand.
pub(super) fn shape(kind: ContactKind) -> Option<Shape> {
    match kind {
        ContactKind::Email => Some(Shape::Mail),
        ContactKind::Link => Some(Shape::Link),
        ContactKind::Phone | ContactKind::Handle => None,
    }
}

/// The patterns of a kind that has any.
pub(super) fn patterns(kind: ContactKind) -> Vec<String> {
    match kind {
        ContactKind::Phone => vec![
            r"(?-u:\b)1[3-9][0-9](?:[ -]?[0-9]){8}(?-u:\b)".into(),
            r"\+[1-9][0-9]{0,2}(?:[ ().-]{0,2}[0-9]){6,12}(?-u:\b)".into(),
            r"(?-u:\b)[2-9][0-9]{2}[ .-][2-9][0-9]{2}[ .-][0-9]{4}(?-u:\b)".into(),
            r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-][0-9]{4}(?-u:\b)".into(),
        ],
        ContactKind::Email | ContactKind::Link => Vec::new(),
        ContactKind::Handle => vec![
            format!(r"{CHINESE}(?:号码|号|id|群)? ?(?:[:=是为]|号|@) ?@?{HANDLE}"),
            format!(r"{CHINESE}(?:号码|号|id|群)? {{0,2}}{HANDLE_WITH_DIGIT}"),
            format!(r"(?:加|\+)我? ?(?:v|q|微|{CHINESE})[:号]? {{0,2}}{HANDLE}"),
            format!(r"{WESTERN}(?: (?:id|name|me|handle))?(?: is)? ?[:=@] ?@?{HANDLE}"),
            format!(r"{WESTERN}(?: (?:id|name|me|handle))?(?: is)? {HANDLE_WITH_DIGIT}"),
        ],
    }
}

/// Whether what stands around a match leaves it a contact.
pub(super) fn holds(kind: ContactKind, from: u32, _to: u32, window: Window<'_>) -> bool {
    let before = from
        .checked_sub(1)
        .and_then(|index| window.get(index))
        .map(|seen| seen.symbol.ch);
    match kind {
        // Part of a decimal number or of a longer run of digit groups.
        ContactKind::Phone => !matches!(before, Some('.' | '+')),
        ContactKind::Email | ContactKind::Link | ContactKind::Handle => true,
    }
}
