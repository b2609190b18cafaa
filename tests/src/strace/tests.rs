use super::*;

const WRITE: &str = r#"11 pwrite64(9</data/orders.db-wal>, "\x00\x01\x02\x03", 4, 0) = 4"#;
const SYNC: &str = "11 fdatasync(9</data/orders.db-wal>) = 0";
const TELL: &str = r#"12 sendto(7<socket:[99]>, "\x61\x62", 2, MSG_NOSIGNAL, NULL, 0) = 2"#;

fn row() -> Row {
    Row { logged: vec![1, 2], told: b"ab".to_vec() }
}

fn verdict(lines: &[&str]) -> Verdict {
    judge(&deeds(&lines.join("\n")), &row())
}

#[test]
fn what_is_synced_and_then_told_is_durable() {
    assert_eq!(verdict(&[WRITE, SYNC, TELL]), Verdict::Durable(1));
    assert_eq!(verdict(&[WRITE, SYNC, TELL, WRITE, SYNC, TELL]), Verdict::Durable(2));
    assert_eq!(
        verdict(&[WRITE, SYNC, TELL, WRITE]),
        Verdict::Durable(1),
        "what is logged later is not told yet"
    );
}

#[test]
fn what_is_told_before_its_last_write_is_synced_is_told_too_early() {
    assert_eq!(verdict(&[WRITE, TELL]), Verdict::ToldTooEarly);
    assert_eq!(verdict(&[WRITE, TELL, SYNC]), Verdict::ToldTooEarly);
    assert_eq!(verdict(&[SYNC, WRITE, TELL]), Verdict::ToldTooEarly, "the sync before is not its own");
    assert_eq!(verdict(&[WRITE, SYNC, TELL, WRITE, TELL]), Verdict::ToldTooEarly);
}

#[test]
fn a_sync_counts_when_it_returns_and_only_where_it_succeeds() {
    let begun = "11 fdatasync(9</data/orders.db-wal> <unfinished ...>";
    let ended = "11 <... fdatasync resumed>) = 0";
    assert_eq!(verdict(&[WRITE, begun, TELL, ended]), Verdict::ToldTooEarly);
    assert_eq!(verdict(&[WRITE, begun, ended, TELL]), Verdict::Durable(1));
    let failed = "11 fdatasync(9</data/orders.db-wal>) = -1 EIO (Input/output error)";
    assert_eq!(verdict(&[WRITE, failed, TELL]), Verdict::ToldTooEarly);
    let failed = "11 <... fdatasync resumed>) = -1 EIO (Input/output error)";
    assert_eq!(verdict(&[WRITE, begun, failed, TELL]), Verdict::ToldTooEarly);
}

#[test]
fn a_sync_of_another_file_is_none() {
    let other = "11 fdatasync(9</data/orders.db>) = 0";
    assert_eq!(verdict(&[WRITE, other, TELL]), Verdict::ToldTooEarly);
    let (begun, ended) =
        ("11 fdatasync(9</data/orders.db> <unfinished ...>", "11 <... fdatasync resumed>) = 0");
    assert_eq!(verdict(&[WRITE, begun, ended, TELL]), Verdict::ToldTooEarly);
}

#[test]
fn a_trace_that_does_not_show_the_row_proves_nothing() {
    assert_eq!(verdict(&[]), Verdict::NotSeen);
    assert_eq!(verdict(&[WRITE, SYNC]), Verdict::NotSeen);
    assert_eq!(verdict(&[SYNC, TELL]), Verdict::NotSeen);
}

#[test]
fn bytes_are_read_from_every_part_of_a_call_and_also_where_it_is_cut() {
    let parts = r#"12 writev(7<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="\x61", iov_len=1}, {iov_base="\x62", iov_len=1}], 2) = 2"#;
    assert_eq!(deeds(parts), [Deed::Sent(b"ab".to_vec())]);
    let cut = r#"12 sendto(7<socket:[99]>, "\x61\x62", 2, MSG_NOSIGNAL, NULL, 0 <unfinished ...>"#;
    assert_eq!(deeds(cut), [Deed::Sent(b"ab".to_vec())]);
    let bytes = r#"11 pwrite64(9<\x61\x2d\x77\x61\x6c>, "\x01\x02", 2, 0) = 2"#;
    assert_eq!(deeds(bytes), [Deed::Logged(vec![1, 2])], "a path in bytes");
    let other = r#"12 write(2</data/orders.log>, "\x61\x62", 2) = 2"#;
    assert_eq!(deeds(other), []);
}
