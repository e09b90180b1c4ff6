//! Links, references and footnote references: everything that begins with `[` (`docs/spec/templates.md` §7.4, rules
//! 5–8).
//!
//! A link text can contain brackets and is matched as far as possible.

use std::ops::Range;

use super::destinations::{Destination, Destinations};
use crate::markdown::{
    definitions::Definitions,
    keys::{KeyHash, KeyHashes},
    lines::skip_whitespace,
};

/// The square brackets of a text.
#[derive(Debug)]
pub(super) struct Brackets {
    all: Vec<Bracket>,
}

#[derive(Debug)]
struct Bracket {
    place: usize,
    is_opening: bool,
    /// Index of the next closing bracket.
    next_closing: Option<usize>,
    /// Whether a `^` precedes the next closing bracket.
    caret_comes_first: bool,
    /// The destination after this closing bracket, which makes the text before it a link.
    destination: Option<Destination>,
    /// The reference after this closing bracket, which makes the text before it a link.
    reference: Option<Reference>,
    /// If a link text continues here: the last bracket that can end it as a link, as a reference, and as a short
    /// reference.
    link_end: Option<usize>,
    reference_end: Option<usize>,
    short_end: Option<usize>,
    /// Hash of everything before this position, if the document has definitions.
    hash: KeyHash,
}

/// The indices of the brackets around a reference's key.
#[derive(Debug, Clone, Copy)]
struct Reference {
    opening: usize,
    closing: usize,
}

/// A link of any form: inline, by reference or by short reference.
#[derive(Debug)]
pub(super) struct FoundLink<'found> {
    pub(super) address: &'found str,
    pub(super) title: Option<&'found str>,
    /// End of the link's text.
    pub(super) text_end: usize,
    /// End of the whole link.
    pub(super) end: usize,
}

impl Brackets {
    pub(super) fn of(text: &str, definitions: &Definitions) -> Self {
        let mut brackets = Self {
            all: positions(text),
        };
        // Hashes are for looking up keys: most documents define none.
        if definitions.has_links() || definitions.has_footnotes() {
            brackets.hash_beginnings(text);
        }
        brackets.look_back(text);
        brackets
    }

    fn hash_beginnings(&mut self, text: &str) {
        let mut hashes = KeyHashes::of(text);
        for bracket in &mut self.all {
            bracket.hash = hashes.up_to(bracket.place);
        }
    }

    fn look_back(&mut self, text: &str) {
        let destinations = Destinations::new(text);
        let mut next_closing = None;
        // From each bracket there is only one way to continue: past a whole `[…]` at an opening bracket, past a lone `]`
        // where another bracket follows. So each is visited once, and copies what is known about the one after it.
        for index in (0..self.all.len()).rev() {
            let place = self.all[index].place;
            let next = next_closing.map(|closing: usize| self.all[closing].place);
            let caret_comes_first =
                text[place..self.next_place(index, text)].contains('^') || self.caret_after(index);
            self.all[index].next_closing = next_closing;
            self.all[index].caret_comes_first = next.is_some() && caret_comes_first;
            if self.all[index].is_opening {
                self.look_back_opening(index);
            } else {
                self.look_back_closing(index, text, &destinations);
                next_closing = Some(index);
            }
        }
    }

    fn next_place(&self, index: usize, text: &str) -> usize {
        self.all
            .get(index + 1)
            .map_or(text.len(), |bracket| bracket.place)
    }

    /// Returns whether a `^` occurs after the next bracket and before the next closing one.
    fn caret_after(&self, index: usize) -> bool {
        self.all
            .get(index + 1)
            .is_some_and(|next| next.is_opening && next.caret_comes_first)
    }

    fn look_back_opening(&mut self, index: usize) {
        let Some(closing) = self.all[index].next_closing else {
            return;
        };
        let Some(next) = self.all.get(closing + 1) else {
            return;
        };
        let (link_end, reference_end, short_end) =
            (next.link_end, next.reference_end, next.short_end);
        let bracket = &mut self.all[index];
        bracket.short_end = short_end;
        if !bracket.caret_comes_first {
            bracket.link_end = link_end;
            bracket.reference_end = reference_end;
        }
    }

    fn look_back_closing(&mut self, index: usize, text: &str, destinations: &Destinations<'_>) {
        let after = self.all[index].place + 1;
        let destination = text[after..]
            .starts_with('(')
            .then(|| destinations.at(after + 1))
            .flatten();
        let reference = self.reference_after(index, text);
        let next = self.all.get(index + 1).filter(|next| !next.is_opening);
        let link_end = next.and_then(|next| next.link_end);
        let reference_end = next.and_then(|next| next.reference_end);

        let bracket = &mut self.all[index];
        bracket.link_end = link_end.or(destination.is_some().then_some(index));
        bracket.reference_end = reference_end.or(reference.is_some().then_some(index));
        bracket.short_end = Some(index);
        bracket.destination = destination;
        bracket.reference = reference;
    }

    /// Parses the key in brackets that follows this bracket, after optional whitespace.
    fn reference_after(&self, index: usize, text: &str) -> Option<Reference> {
        let opening = index + 1;
        let next = self.all.get(opening).filter(|next| next.is_opening)?;
        let gap = self.all[index].place + 1;
        let follows = skip_whitespace(&text[..next.place], gap) == next.place;
        let closing = next.next_closing.filter(|_| !next.caret_comes_first)?;
        follows.then_some(Reference { opening, closing })
    }

    /// Parses a footnote reference at this opening bracket into its key, the hash of the key, and the position after
    /// it.
    pub(super) fn footnote_reference<'text>(
        &self,
        text: &'text str,
        at: usize,
    ) -> Option<(&'text str, KeyHash, usize)> {
        if !text[at + 1..].starts_with('^') {
            return None;
        }
        let opening = self.index_at(at)?;
        let closing = &self.all[self.all[opening].next_closing?];
        let key = at + 2..closing.place;
        let before_key = self.all[opening].hash.with_all("[^");
        (!key.is_empty()).then(|| {
            (
                &text[key],
                closing.hash.after(before_key),
                closing.place + 1,
            )
        })
    }

    /// Parses the link that begins with the opening bracket at `at`.
    pub(super) fn link<'found>(
        &'found self,
        text: &'found str,
        at: usize,
        definitions: &'found Definitions,
    ) -> Option<FoundLink<'found>> {
        let opening = self.index_at(at)?;
        self.inline_link(text, opening)
            .or_else(|| self.reference(text, opening, definitions))
            .or_else(|| self.short_reference(text, opening, definitions))
    }

    fn inline_link<'found>(
        &'found self,
        text: &'found str,
        opening: usize,
    ) -> Option<FoundLink<'found>> {
        let end = &self.all[self.all.get(opening + 1)?.link_end?];
        let destination = end.destination.as_ref()?;
        Some(FoundLink {
            address: &text[destination.address.clone()],
            title: destination
                .title
                .clone()
                .map(|title| &text[title])
                .filter(|title| !title.is_empty()),
            text_end: end.place,
            end: destination.end,
        })
    }

    fn reference<'found>(
        &self,
        text: &str,
        opening: usize,
        definitions: &'found Definitions,
    ) -> Option<FoundLink<'found>> {
        if !definitions.has_links() {
            return None;
        }
        let text_end = self.all.get(opening + 1)?.reference_end?;
        let key = self.all[text_end].reference?;
        let is_empty = self.all[key.opening].place + 1 == self.all[key.closing].place;
        let (from, to) = if is_empty {
            (opening, text_end)
        } else {
            (key.opening, key.closing)
        };
        self.defined(text, from..to, definitions, text_end, key.closing)
    }

    fn short_reference<'found>(
        &self,
        text: &str,
        opening: usize,
        definitions: &'found Definitions,
    ) -> Option<FoundLink<'found>> {
        if !definitions.has_links() {
            return None;
        }
        let end = self.all.get(opening + 1)?.short_end?;
        self.defined(text, opening..end, definitions, end, end)
    }

    /// Returns the link whose key is between two brackets, if it is defined.
    fn defined<'found>(
        &self,
        text: &str,
        key: Range<usize>,
        definitions: &'found Definitions,
        text_end: usize,
        end: usize,
    ) -> Option<FoundLink<'found>> {
        let (opening, closing) = (&self.all[key.start], &self.all[key.end]);
        let hash = closing.hash.after(opening.hash.with_all("["));
        let target = definitions.link(&text[opening.place + 1..closing.place], hash)?;
        Some(FoundLink {
            address: &target.address,
            title: target.title.as_deref(),
            text_end: self.all[text_end].place,
            end: self.all[end].place + 1,
        })
    }

    fn index_at(&self, place: usize) -> Option<usize> {
        self.all
            .binary_search_by_key(&place, |bracket| bracket.place)
            .ok()
    }
}

fn positions(text: &str) -> Vec<Bracket> {
    text.match_indices(['[', ']'])
        .map(|(place, bracket)| Bracket {
            place,
            is_opening: bracket == "[",
            next_closing: None,
            caret_comes_first: false,
            destination: None,
            reference: None,
            link_end: None,
            reference_end: None,
            short_end: None,
            hash: KeyHash::EMPTY,
        })
        .collect()
}
