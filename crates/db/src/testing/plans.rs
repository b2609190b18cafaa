use rusqlite::{Connection, Result};

use crate::Migrations;

/// The tables of a SQLite database whose CHECKs or indexes have SQLite build a table in memory for each row that is written, as it
/// does for an `IN` with more than two texts: that takes longer than to write the row.
///
/// # Panics
/// When the migrations fail.
pub fn slow_to_write(migrations: Vec<Migrations>) -> Vec<String> {
    let mut conn = Connection::open_in_memory().expect("a database in memory");
    for migrations in migrations {
        migrations.apply(&mut conn).expect("the migrations");
    }
    slow(&conn).expect("the tables of a schema")
}

fn slow(conn: &Connection) -> Result<Vec<String>> {
    let tables =
        texts(conn, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?;
    let mut found = Vec::new();
    for table in tables {
        let columns = texts(conn, &format!("SELECT name FROM pragma_table_info('{table}')"))?;
        let (names, values) = (columns.join(", "), vec!["?"; columns.len()].join(", "));
        let changes: Vec<String> = columns.iter().map(|column| format!("{column} = ?")).collect();
        let insert = format!("INSERT INTO {table} ({names}) VALUES ({values})");
        let update = format!("UPDATE {table} SET {} WHERE rowid = ?", changes.join(", "));
        if builds(conn, &insert)? || builds(conn, &update)? {
            found.push(table);
        }
    }
    Ok(found)
}

fn builds(conn: &Connection, sql: &str) -> Result<bool> {
    let mut explained = conn.prepare(&format!("EXPLAIN {sql}"))?;
    let mut steps = explained.raw_query();
    while let Some(step) = steps.next()? {
        if step.get_ref("opcode")?.as_str()? == "OpenEphemeral" {
            return Ok(true);
        }
    }
    Ok(false)
}

fn texts(conn: &Connection, sql: &str) -> Result<Vec<String>> {
    conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_by_a_list_is_slow_and_the_same_by_words_is_not() {
        let conn = Connection::open_in_memory().unwrap();
        let tables = "CREATE TABLE list (a TEXT CHECK (a IN ('b', 'c', 'd')));
                      CREATE TABLE words (a TEXT CHECK (a = 'b' OR a = 'c' OR a = 'd'));
                      CREATE TABLE part (a TEXT);
                      CREATE INDEX some ON part (a) WHERE a IN ('b', 'c', 'd');";
        conn.execute_batch(tables).unwrap();
        assert_eq!(slow(&conn).unwrap(), ["list", "part"]);
    }
}
