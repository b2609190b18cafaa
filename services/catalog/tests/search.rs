//! The ranking, on the shipped products and on made-up ones.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use madang_types::{Currency, Grams, Money};
use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization;

use madang_catalog::domain::{
    Catalogue, Categories, Entry, Localized, Position, Price, Product, Query, Tags,
};
use madang_catalog::shipped;

fn shop() -> &'static Catalogue {
    static SHOP: LazyLock<Catalogue> = LazyLock::new(|| {
        let shipped = shipped().unwrap();
        Catalogue::empty(shipped.categories).with(shipped.products.into_iter().map(entry).collect(), 1)
    });
    &SHOP
}

fn of(products: impl IntoIterator<Item = Product>) -> Catalogue {
    Catalogue::empty(Categories::new()).with(products.into_iter().map(entry).collect(), 1)
}

fn entry(product: Product) -> Entry {
    Entry { product, updated: Timestamp::UNIX_EPOCH }
}

/// A product whose words are all the same neutral one.
fn plain(id: &str) -> Product {
    Product {
        id: id.parse().unwrap(),
        name: Localized { en: "thing".parse().unwrap(), ko: "thing".parse().unwrap() },
        description: Localized { en: "".parse().unwrap(), ko: "".parse().unwrap() },
        category: "other".parse().unwrap(),
        tags: Tags::try_from(Vec::new()).unwrap(),
        price: Price::try_from(Money::new(100, Currency::USD).unwrap()).unwrap(),
        weight: Grams::try_from(1).unwrap(),
    }
}

fn named(id: &str, name: &str) -> Product {
    let name = name.parse().unwrap();
    Product { name: Localized { ko: plain(id).name.ko, en: name }, ..plain(id) }
}

fn described(id: &str, description: &str) -> Product {
    let description = description.parse().unwrap();
    Product { description: Localized { ko: plain(id).description.ko, en: description }, ..plain(id) }
}

fn tagged(id: &str, tag: &str) -> Product {
    Product { tags: Tags::try_from(vec![tag.parse().unwrap()]).unwrap(), ..plain(id) }
}

fn in_category(id: &str, category: &str) -> Product {
    Product { category: category.parse().unwrap(), ..plain(id) }
}

fn find(catalogue: &Catalogue, query: &str) -> Vec<String> {
    let found = catalogue.search(&query.parse().unwrap(), None, usize::MAX);
    found.into_iter().map(|found| found.entry.product.id.to_string()).collect()
}

#[test]
fn tea_cup_finds_the_celadon_tea_cup_first() {
    assert_eq!(find(shop(), "tea cup")[0], "celadon-tea-cup");
    assert_eq!(find(shop(), "cups for tea")[0], "celadon-tea-cup");
    assert_eq!(find(shop(), "찻잔")[0], "celadon-tea-cup");
}

#[test]
fn moon_jar_finds_the_two_moon_jars_first_and_the_masters_before() {
    let found = find(shop(), "moon jar");
    assert_eq!(found[..2], ["moon-jar-master", "moon-jar-mini"]);
    assert!(found[2..].iter().any(|id| id.starts_with("onggi-jar")), "other jars come after: {found:?}");
    assert_eq!(find(shop(), "달항아리")[..2], ["moon-jar-master", "moon-jar-mini"].map(String::from));
}

#[test]
fn a_jar_is_found_in_korean_whole_before_in_part() {
    let found = find(shop(), "항아리");
    let onggi: BTreeSet<&str> = found[..3].iter().map(String::as_str).collect();
    assert_eq!(onggi, BTreeSet::from(["onggi-jar-large", "onggi-jar-medium", "onggi-jar-small"]));
    assert!(found.contains(&"moon-jar-master".to_owned()), "a 달항아리 is a 항아리: {found:?}");
}

#[test]
fn jar_and_jars_find_all_jars() {
    let found = find(shop(), "jar");
    assert_eq!(found, find(shop(), "Jars"));
    for id in ["moon-jar-master", "moon-jar-mini", "onggi-jar-large", "onggi-salt-jar"] {
        assert!(found[..6].contains(&id.to_owned()), "{id} is not among the first: {found:?}");
    }
}

#[test]
fn both_languages_in_one_query_find_what_has_both() {
    assert_eq!(find(shop(), "celadon 찻잔")[0], "celadon-tea-cup");
    assert_eq!(find(shop(), "옹기 rice")[0], "onggi-rice-crock");
}

#[test]
fn a_category_is_found_by_its_name() {
    let found = find(shop(), "유기");
    assert!(found.contains(&"brass-singing-bowl".to_owned()), "its category alone says 유기: {found:?}");
    assert_eq!(find(shop(), "mother-of-pearl lacquer").len(), find(shop(), "lacquer mother pearl").len());
}

#[test]
fn unknown_words_find_nothing() {
    for query in ["없는말", "xylophone", "?!", "zz"] {
        assert_eq!(find(shop(), query), [""; 0], "{query}");
    }
}

#[test]
fn the_beginning_of_a_word_finds_it() {
    assert_eq!(find(shop(), "celad").len(), find(shop(), "celadon").len());
    let catalogue = of([named("beginning", "teapot"), named("whole-word", "tea")]);
    assert_eq!(find(&catalogue, "tea"), ["whole-word", "beginning"]);
}

#[test]
fn two_words_written_as_one_are_found() {
    assert_eq!(find(shop(), "teacup"), ["celadon-tea-cup"]);
    assert_eq!(find(shop(), "moonjars"), ["moon-jar-master", "moon-jar-mini"]);
    assert_eq!(find(shop(), "옹기항아리").len(), 3);
}

#[test]
fn a_last_syllable_finds_the_compound_after_the_word() {
    let catalogue = of([named("buckwheat", "메밀차"), named("tea", "차"), named("wheel", "차바퀴")]);
    assert_eq!(find(&catalogue, "차"), ["tea", "buckwheat"]);
}

#[test]
fn two_thirds_of_a_korean_words_pairs_find_it_and_less_does_not() {
    let catalogue = of([named("jar", "항아리")]);
    assert_eq!(find(&catalogue, "달항아리"), ["jar"]);
    assert_eq!(find(&catalogue, "달빛항아리"), [""; 0]);
}

#[test]
fn name_outweighs_tags_and_these_category_and_that_description() {
    let products = [
        described("in-the-description", "jar jar jar"),
        in_category("in-the-category", "jar"),
        tagged("in-the-tags", "jar"),
        named("in-the-name", "jar"),
    ];
    let found = find(&of(products), "jar");
    assert_eq!(found, ["in-the-name", "in-the-tags", "in-the-category", "in-the-description"]);
}

#[test]
fn a_product_with_more_of_the_words_comes_first_however_weak_they_are() {
    let catalogue = of([named("one-in-the-name", "moon"), described("both-below", "A jar for the moon")]);
    assert_eq!(find(&catalogue, "moon jar"), ["both-below", "one-in-the-name"]);
}

#[test]
fn words_that_say_nothing_count_only_where_there_are_no_others() {
    let catalogue = of([named("box-one", "box of the moon"), named("jar-one", "jar")]);
    assert_eq!(find(&catalogue, "the jar of the"), ["jar-one"]);
    assert_eq!(find(&catalogue, "of the"), ["box-one"]);
}

#[test]
fn equals_come_by_id() {
    let ids = ["cup-b", "cup-c", "cup-a"];
    assert_eq!(find(&of(ids.map(|id| named(id, "cup"))), "cup"), ["cup-a", "cup-b", "cup-c"]);
}

#[test]
fn a_decomposed_query_finds_the_same() {
    let decomposed: String = "옹기 항아리".nfd().collect();
    assert_eq!(find(shop(), &decomposed), find(shop(), "옹기 항아리"));
}

fn queries() -> impl Strategy<Value = String> {
    const WORDS: &[&str] =
        &["tea", "jar", "moon", "항아리", "청자", "함", "set", "rice", "bamboo", "for", "없다", "la"];
    proptest::collection::vec(proptest::sample::select(WORDS), 1..5).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn pages_of_any_size_join_to_the_whole_result(query in queries(), size in 1..40_usize) {
        let (shop, query) = (shop(), query.parse::<Query>().unwrap());
        let whole = shop.search(&query, None, usize::MAX);
        let (mut joined, mut after): (Vec<_>, Option<Position>) = (Vec::new(), None);
        loop {
            let page = shop.search(&query, after.as_ref(), size);
            let Some(last) = page.last() else { break };
            after = Some(last.position());
            joined.extend(page);
        }
        prop_assert_eq!(joined, whole);
    }

    #[test]
    fn results_are_ordered_by_rank_then_id(query in queries()) {
        let found = shop().search(&query.parse().unwrap(), None, usize::MAX);
        for pair in found.windows(2) {
            let same = pair[0].rank == pair[1].rank;
            prop_assert!(pair[0].rank > pair[1].rank || same && pair[0].entry.product.id < pair[1].entry.product.id);
        }
    }

    #[test]
    fn no_query_is_too_strange(query in "\\PC{1,200}") {
        if let Ok(query) = query.parse::<Query>() {
            let found = shop().search(&query, None, 10);
            prop_assert!(found.len() <= 10 && found.iter().all(|found| found.rank.words > 0));
        }
    }
}
