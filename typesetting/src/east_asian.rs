//! Where lines of Chinese and Japanese may be broken: between any two characters, with exceptions.

use unicode_normalization::char::is_combining_mark;

/// Punctuation and small letters that may not begin a line.
const NOT_AT_START: &str = "、。，．・：；？！％）〉》」』】〕〗〙〛｝］’”…‥ー々〻゛゜ヽヾゝゞぁぃぅぇぉっゃゅょゎゕゖ\
    ァィゥェォッャュョヮヵヶ!%),.:;?]}»›";
/// Punctuation that may not end a line.
const NOT_AT_END: &str = "（〈《「『【〔〖〘〚｛［‘“＄￥￡([{«‹$£€";

/// Returns whether a line may end between two characters, one of which is an ideograph or stands among ideographs.
pub(crate) fn may_break_between(before: char, after: char) -> bool {
    // A break at a space comes after the space.
    let is_space = |c: char| matches!(c, ' ' | '\n' | '\u{a0}');
    (is_east_asian(before) || is_east_asian(after))
        && !is_space(before)
        && !is_space(after)
        && !NOT_AT_END.contains(before)
        && !NOT_AT_START.contains(after)
        && !is_combining_mark(after)
}

/// Ideographs, kana and their punctuation. Korean is written with spaces, so its lines are broken there.
const fn is_east_asian(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{312f}' | '\u{31f0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff01}'..='\u{ff9f}')
}
