//! The choice of the mask (`docs/spec/templates.md` §10.4).

use qrcodegen::QrCode as Symbol;

use super::modules::Modules;

/// The middle row of a finder pattern.
const FINDER_LIKE: [bool; 7] = [true, false, true, true, true, false, true];

/// Returns the symbol with the lowest score, the first of several.
pub(super) fn best(symbols: impl Iterator<Item = Symbol>) -> Symbol {
    symbols
        .min_by_key(|symbol| {
            let modules = Modules::of_symbol(symbol);
            // Unlike the standard, the reference judges the symbol before format and version information are drawn.
            score(&modules.without_information(symbol.version().value()))
        })
        .expect("there are eight masks")
}

/// Returns how hard a symbol is to read: lower is better.
fn score(modules: &Modules) -> usize {
    let line_score = |line: &[bool]| long_runs(line) + 40 * finder_likes(line);
    let in_rows: usize = modules.rows().map(line_score).sum();
    let in_columns: usize = modules.columns().map(|column| line_score(&column)).sum();
    in_rows + in_columns + 3 * even_squares(modules) + 10 * imbalance(modules)
}

fn long_runs(line: &[bool]) -> usize {
    line.chunk_by(|left, right| left == right)
        .filter(|run| run.len() >= 5)
        .map(|run| run.len() - 2)
        .sum()
}

/// Counts finder-like patterns with light modules or an end of the line on one side.
fn finder_likes(line: &[bool]) -> usize {
    let is_light = |modules: &[bool]| modules.iter().all(|is_dark| !is_dark);
    let (mut count, mut from) = (0, 0);
    while let Some(found) = find(line, from) {
        let end = found + FINDER_LIKE.len();
        let before = &line[found.saturating_sub(4)..found];
        let after = &line[end..(end + 4).min(line.len())];
        // An empty slice is all light, so a pattern at either end of the line counts.
        if is_light(before) || is_light(after) {
            count += 1;
            from = end;
        } else {
            // Not one module but four: the reference skips so, and overlapping patterns depend on it.
            from = found + 4;
        }
    }
    count
}

fn find(line: &[bool], from: usize) -> Option<usize> {
    line.get(from..)?
        .windows(FINDER_LIKE.len())
        .position(|window| window == FINDER_LIKE)
        .map(|place| from + place)
}

/// Counts 2×2 blocks of one colour.
fn even_squares(modules: &Modules) -> usize {
    let rows: Vec<_> = modules.rows().collect();
    rows.windows(2)
        .map(|pair| {
            let (upper, lower) = (pair[0].windows(2), pair[1].windows(2));
            upper
                .zip(lower)
                .filter(|(upper, lower)| upper == lower && upper[0] == upper[1])
                .count()
        })
        .sum()
}

/// Returns by how many full steps of 5 % the share of dark modules differs from 50 %.
fn imbalance(modules: &Modules) -> usize {
    let all = modules.size() * modules.size();
    let dark = modules.rows().flatten().filter(|&&is_dark| is_dark).count();
    (100 * dark).abs_diff(50 * all) / (5 * all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(modules: &str) -> Vec<bool> {
        modules.chars().map(|module| module == '1').collect()
    }

    #[test]
    fn finder_like_patterns_count_beside_light_modules_or_an_end() {
        for (modules, count) in [
            ("1011101", 1),
            ("11011101", 1),
            ("110111010000", 1),
            ("110111011", 0),
            ("0000101110100001011101", 2),
            ("1101110111011", 0),
        ] {
            assert_eq!(finder_likes(&line(modules)), count, "{modules}");
        }
    }

    #[test]
    fn runs_of_five_or_more_count() {
        assert_eq!(long_runs(&line("1111100000011")), 3 + 4);
    }
}
