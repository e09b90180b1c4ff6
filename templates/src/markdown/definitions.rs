//! Link and footnote definitions of a document, which apply before and after their position in it
//! (`docs/spec/templates.md` §7.2, §7.5).

use std::collections::{HashMap, HashSet};

use super::keys::{KeyHash, normalised};

/// All link and footnote definitions of a document.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    links: HashMap<String, LinkTarget>,
    footnotes: HashMap<String, Footnote>,
    /// Keys of the referenced footnotes, in the order of their first reference.
    referred_to: Vec<String>,
    link_hashes: HashSet<u64>,
    footnote_hashes: HashSet<u64>,
}

/// Target of a defined link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkTarget {
    pub(super) address: String,
    pub(super) title: Option<String>,
}

#[derive(Debug, Default)]
struct Footnote {
    is_referred_to: bool,
    /// Rendered content; `None` until the definition has been reached.
    content: Option<String>,
}

impl Definitions {
    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    pub(super) fn has_footnotes(&self) -> bool {
        !self.footnotes.is_empty()
    }

    /// Defines a link; the last definition of a key wins.
    pub(super) fn define_link(&mut self, key: &str, target: LinkTarget) {
        let key = normalised(key);
        self.link_hashes.insert(KeyHash::of(&key).value());
        self.links.insert(key, target);
    }

    /// Defines a footnote and returns whether it is the first one with that key.
    pub(super) fn define_footnote(&mut self, key: &str) -> bool {
        let key = normalised(key);
        if self.footnotes.contains_key(&key) {
            return false;
        }
        self.footnote_hashes.insert(KeyHash::of(&key).value());
        self.footnotes.insert(key, Footnote::default());
        true
    }

    /// Returns the target of the link with this key. The hash of the normalised key avoids most comparisons.
    pub(super) fn link(&self, key: &str, hash: KeyHash) -> Option<&LinkTarget> {
        // A text can ask for many overlapping parts whether they are keys: only those with a known hash are copied.
        if !self.link_hashes.contains(&hash.value()) {
            return None;
        }
        self.links.get(&normalised(key))
    }

    /// Records a reference to a footnote. Returns false if it is undefined or was already referenced.
    pub(super) fn refer_to_footnote(&mut self, key: &str, hash: KeyHash) -> bool {
        if !self.footnote_hashes.contains(&hash.value()) {
            return false;
        }
        let key = normalised(key);
        match self.footnotes.get_mut(&key) {
            Some(footnote) if !footnote.is_referred_to => {
                footnote.is_referred_to = true;
                self.referred_to.push(key);
                true
            }
            _ => false,
        }
    }

    /// Returns whether the content of the footnote still has to be rendered; true only once per footnote.
    pub(super) fn wants_content(&mut self, key: &str) -> bool {
        match self.footnotes.get_mut(&normalised(key)) {
            Some(footnote) if footnote.content.is_none() => {
                // Set before it is rendered: a footnote that refers to itself is not rendered again.
                footnote.content = Some(String::new());
                true
            }
            _ => false,
        }
    }

    pub(super) fn set_content(&mut self, key: &str, content: String) {
        if let Some(footnote) = self.footnotes.get_mut(&normalised(key)) {
            footnote.content = Some(content);
        }
    }

    /// Returns the contents of the referenced footnotes in reference order.
    pub(super) fn contents_in_order(&self) -> impl Iterator<Item = &str> {
        self.referred_to
            .iter()
            .filter_map(|key| self.footnotes.get(key)?.content.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footnote_is_defined_and_referred_to_once() {
        let mut definitions = Definitions::default();
        assert!(definitions.define_footnote("A"));
        assert!(!definitions.define_footnote("a"));
        let hash = KeyHash::of("a");
        assert!(definitions.refer_to_footnote("a", hash));
        assert!(!definitions.refer_to_footnote("a", hash));
        assert!(!definitions.refer_to_footnote("b", KeyHash::of("b")));
    }
}
