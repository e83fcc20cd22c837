//! Ways to reach somebody outside the conversation, as patterns of bounded width over the skeleton.

use super::ContactKind;
use super::window::Window;

/// A name or number in a messenger: it must be introduced (":", "号", "@") or hold a digit, so
/// that "QQ music" is none.
const HANDLE: &str = r"[a-z0-9][a-z0-9_.-]{2,29}";
const HANDLE_WITH_DIGIT: &str = r"[a-z_-]{0,12}[0-9][a-z0-9_-]{3,20}";

/// Messengers by the names and shorthands that Chinese uses; Latin ones end at a word border.
const CHINESE: &str = r"(?:微信|薇信|威信|v信|扣扣|企鹅|(?-u:\b)(?:vx|wx|qq|wechat|weixin))";
const WESTERN: &str =
    r"(?-u:\b)(?:telegram|tg|snapchat|snap|discord|whatsapp|signal|kik|instagram|insta|ig)";

/// Top-level domains that a bare name is taken for a link with. Endings that are words or file
/// names ("to", "us", "rs", "py", "md") are left out.
const DOMAINS: &str = r"(?:com|net|org|cn|io|cc|xyz|top|vip|club|app|tv|info|site|online|shop|link|ru|uk|gg|ly|me|fun|live|work|tech|win|bet)";

/// The patterns of a kind.
pub(super) fn patterns(kind: ContactKind) -> Vec<String> {
    match kind {
        ContactKind::Phone => vec![
            r"(?-u:\b)1[3-9][0-9](?:[ -]?[0-9]){8}(?-u:\b)".into(),
            r"\+[1-9][0-9]{0,2}(?:[ ().-]{0,2}[0-9]){6,12}(?-u:\b)".into(),
            r"(?-u:\b)[2-9][0-9]{2}[ .-][2-9][0-9]{2}[ .-][0-9]{4}(?-u:\b)".into(),
            r"\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-][0-9]{4}(?-u:\b)".into(),
        ],
        ContactKind::Email => vec![
            r"(?-u:\b)[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,40}\.){1,3}[a-z]{2,12}(?-u:\b)"
                .into(),
        ],
        ContactKind::Link => vec![
            r"https?://[a-z0-9][a-z0-9.-]{2,80}(?::[0-9]{1,5})?(?:[/?#][!-~]{0,120})?".into(),
            format!(
                r"(?-u:\b)(?:[a-z0-9][a-z0-9-]{{0,40}}\.){{1,3}}{DOMAINS}(?-u:\b)(?:/[!-~]{{0,80}})?"
            ),
        ],
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
pub(super) fn holds(kind: ContactKind, from: u32, _to: u32, window: &Window) -> bool {
    let before = from
        .checked_sub(1)
        .and_then(|index| window.get(index))
        .map(|seen| seen.symbol.ch);
    match kind {
        // The domain of an e-mail address, or the rest of a longer name.
        ContactKind::Link => !matches!(before, Some('@' | '.' | '/')),
        // Part of a decimal number or of a longer run of digit groups.
        ContactKind::Phone => !matches!(before, Some('.' | '+')),
        ContactKind::Email | ContactKind::Handle => true,
    }
}
