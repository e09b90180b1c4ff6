//! Which mask a symbol gets (`docs/spec/templates.md` §10.4).

use super::grid::Grid;

/// Where each mask turns a module round, by column and row.
const MASKS: [fn(usize, usize) -> bool; 8] = [
    |x, y| (x + y).is_multiple_of(2),
    |_, y| y.is_multiple_of(2),
    |x, _| x.is_multiple_of(3),
    |x, y| (x + y).is_multiple_of(3),
    |x, y| (x / 3 + y / 2).is_multiple_of(2),
    |x, y| x * y % 2 + x * y % 3 == 0,
    |x, y| (x * y % 2 + x * y % 3).is_multiple_of(2),
    |x, y| ((x + y) % 2 + x * y % 3).is_multiple_of(2),
];

/// What looks like the middle of a great square, and may not look like one elsewhere.
const FINDER_LIKE: [bool; 7] = [true, false, true, true, true, false, true];

/// The mask with the lowest score, and the symbol with it.
pub(super) fn best(grid: &Grid) -> (u8, Grid) {
    (0..8)
        .zip(MASKS)
        .map(|(number, mask)| (number, grid.masked(mask)))
        .min_by_key(|(_, masked)| score(masked))
        .expect("there are eight masks")
}

/// How badly a symbol can be read: lower is better.
fn score(grid: &Grid) -> usize {
    let columns: Vec<bool> = (0..grid.size())
        .flat_map(|x| (0..grid.size()).map(move |y| grid.is_dark(x, y)))
        .collect();
    let lines = grid.rows().chain(columns.chunks(grid.size()));
    let in_lines: usize = lines
        .map(|line| long_runs(line) + 40 * finder_likes(line))
        .sum();
    in_lines + 3 * even_squares(grid) + 10 * imbalance(grid)
}

fn long_runs(line: &[bool]) -> usize {
    line.chunk_by(|left, right| left == right)
        .filter(|run| run.len() >= 5)
        .map(|run| run.len() - 2)
        .sum()
}

/// How many patterns look like the middle of a great square and have light modules on one side, or an end of the line.
fn finder_likes(line: &[bool]) -> usize {
    let is_light = |modules: &[bool]| modules.iter().all(|is_dark| !is_dark);
    let (mut count, mut from) = (0, 0);
    while let Some(found) = find(line, from) {
        let end = found + FINDER_LIKE.len();
        let before = &line[found.saturating_sub(4)..found];
        let after = &line[end..(end + 4).min(line.len())];
        // No modules are all light: that is how the ends of the line count.
        if is_light(before) || is_light(after) {
            count += 1;
            from = end;
        } else {
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

/// Squares of two by two in one colour.
fn even_squares(grid: &Grid) -> usize {
    let rows: Vec<_> = grid.rows().collect();
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

/// How many full twentieths the share of dark modules is away from half.
fn imbalance(grid: &Grid) -> usize {
    let all = grid.size() * grid.size();
    let dark = grid.rows().flatten().filter(|&&is_dark| is_dark).count();
    (100 * dark).abs_diff(50 * all) / (5 * all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(modules: &str) -> Vec<bool> {
        modules.chars().map(|module| module == '1').collect()
    }

    #[test]
    fn patterns_count_beside_light_modules_or_an_end() {
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
    fn runs_count_from_five_on() {
        assert_eq!(long_runs(&line("1111100000011")), 3 + 4);
    }
}
