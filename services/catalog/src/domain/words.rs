//! Texts as words, English and Korean, so that the same word meets itself however it was written.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Particles that only say what a noun does in its sentence. Others, such as 이 and 로, end many nouns too.
const PARTICLES: [char; 5] = ['을', '를', '은', '는', '의'];
/// A Korean word of fewer syllables keeps its end: 마을 is a village, and no 마 with a particle.
const NOUN_AND_PARTICLE: usize = 3;
/// Letters from which on the beginning of a word finds the word.
const SHORTEST_BEGINNING: usize = 3;

/// A word in the form in which it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    text: String,
    hangul: bool,
}

/// The words of a text. A change between Hangul and other letters ends a word, as a blank does.
pub(super) fn words(text: &str) -> Vec<Word> {
    let text = normal(text);
    let runs = text.split(|c: char| !c.is_alphanumeric()).map(|run| run.chars().collect::<Vec<_>>());
    let of_run = |run: Vec<char>| {
        let words = run.chunk_by(|a, b| is_hangul(*a) == is_hangul(*b));
        words.map(Word::new).collect::<Vec<_>>()
    };
    runs.flat_map(of_run).collect()
}

impl Word {
    fn new(letters: &[char]) -> Self {
        let hangul = letters.first().copied().is_some_and(is_hangul);
        let text = if hangul { without_particle(letters) } else { singular(letters.iter().collect()) };
        Self { text, hangul }
    }

    /// The word whole.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The word whole, as its own text.
    pub(super) fn into_string(self) -> String {
        self.text
    }

    /// The parts by which the word is found when it is not asked for as a whole. Hangul: each two syllables in a row, and the
    /// last one, since the last noun of a compound says what it is (메밀차 is a 차). Other letters: each beginning.
    pub(super) fn parts(&self) -> Vec<String> {
        let letters: Vec<char> = self.text.chars().collect();
        if self.hangul {
            let last = letters.last().map(char::to_string);
            return pairs(&letters).chain(last).collect();
        }
        (SHORTEST_BEGINNING..=letters.len()).map(|end| letters[..end].iter().collect()).collect()
    }

    /// The parts to look for where the word is asked for. Two thirds of them, at least, must be there.
    pub(super) fn asked_parts(&self) -> Vec<String> {
        let letters: Vec<char> = self.text.chars().collect();
        match self.hangul {
            true if letters.len() > 1 => pairs(&letters).collect(),
            false if letters.len() < SHORTEST_BEGINNING => Vec::new(),
            true | false => vec![self.text.clone()],
        }
    }
}

/// One form for all ways to write a text: composed or not (macOS sends 한 as three characters), wide or not, with or without
/// accents, capital or small. An apostrophe is nothing: master's is masters.
fn normal(text: &str) -> String {
    let bare = text.nfkd().filter(|c| !is_combining_mark(*c) && !matches!(c, '\'' | '’'));
    bare.nfc().collect::<String>().to_lowercase()
}

fn is_hangul(c: char) -> bool {
    ('가'..='힣').contains(&c)
}

fn pairs(letters: &[char]) -> impl Iterator<Item = String> {
    letters.windows(2).map(|pair| pair.iter().collect())
}

fn without_particle(syllables: &[char]) -> String {
    let noun = match syllables {
        [noun @ .., end] if syllables.len() >= NOUN_AND_PARTICLE && PARTICLES.contains(end) => noun,
        all => all,
    };
    noun.iter().collect()
}

/// Takes the plural's ending off, lightly: a wrong stem does no harm, since it is the same on both sides.
fn singular(word: String) -> String {
    if word.len() <= 3 {
        return word;
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    let hissing = ["sses", "shes", "ches", "xes"].iter().any(|ending| word.ends_with(ending));
    let singular = ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending));
    let stem = match hissing {
        true => word.strip_suffix("es"),
        false if singular => None,
        false => word.strip_suffix('s'),
    };
    stem.map_or_else(|| word.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn plurals_meet_their_singular() {
        let text = "Jars, brushes; BOXES. berries glasses dishes vases cups";
        assert_eq!(texts(text), ["jar", "brush", "box", "berry", "glass", "dish", "vase", "cup"]);
        assert_eq!(texts("glass lotus gas is"), ["glass", "lotus", "gas", "is"]);
    }

    #[test]
    fn blanks_signs_and_a_change_of_script_end_a_word() {
        assert_eq!(texts("side-handle 옹기jar/20리터"), ["side", "handle", "옹기", "jar", "20", "리터"]);
        assert_eq!(texts("  ,.! \u{3000}"), [""; 0]);
    }

    #[test]
    fn the_same_word_is_the_same_however_it_was_typed() {
        let decomposed: String = "항아리".nfd().collect();
        assert_ne!(decomposed, "항아리");
        assert_eq!(texts(&decomposed), ["항아리"]);
        assert_eq!(texts("ＣＡＦÉ cafe\u{301} master’s"), ["cafe", "cafe", "master"]);
    }

    #[test]
    fn a_particle_is_left_off_where_a_noun_is_left() {
        assert_eq!(texts("항아리를 찻잔은 마을 나무"), ["항아리", "찻잔", "마을", "나무"]);
    }

    #[test]
    fn parts_are_pairs_of_syllables_and_beginnings_of_other_words() {
        let parts = |text| words(text).iter().flat_map(Word::parts).collect::<Vec<_>>();
        assert_eq!(parts("메밀차"), ["메밀", "밀차", "차"]);
        assert_eq!(parts("차"), ["차"]);
        assert_eq!(parts("jar tray 20"), ["jar", "tra", "tray"]);
    }

    #[test]
    fn a_single_syllable_is_asked_for_by_itself() {
        let asked = |text| words(text).iter().flat_map(Word::asked_parts).collect::<Vec<_>>();
        assert_eq!(asked("차"), ["차"]);
        assert_eq!(asked("항아리"), ["항아", "아리"]);
        assert_eq!(asked("cel ab"), ["cel"]);
    }
}
