// Owns the session settings under which data is read and written, so that equal rows are equal bytes.

extension Connection {
  /// Sets the session as pg_dump does (setup_connection in pg_dump.c), and pins what it leaves open.
  ///
  /// pg_dump does not set TimeZone, bytea_output and lc_monetary; the text of timestamptz, bytea and money
  /// then follows the role's or the server's settings, which would spoil deduplication and table hashes.
  /// The client encoding becomes the database's own: converting to UTF-8 fails on SQL_ASCII databases.
  /// - Throws: ``PostgresError``; nothing is set then, except that row_security may be.
  package func applyDumpSettings() throws(PostgresError) {
    guard let encoding = parameter("server_encoding") else {
      throw PostgresError(
        .protocolViolation, what: "cannot prepare the session on \(place)",
        why: "the server does not report its encoding")
    }
    var settings = [
      ("standard_conforming_strings", "on"), ("DateStyle", "ISO"), ("IntervalStyle", "postgres"),
      // 3 is what pg_dump has used since 9.0: from 12 on any value above 0 means the shortest exact
      // form, before that it gives enough digits.
      ("extra_float_digits", "3"), ("synchronize_seqscans", "off"),
      ("statement_timeout", "0"), ("lock_timeout", "0"),
      ("idle_in_transaction_session_timeout", "0"),
      // Reading hidden rows as absent would be a silent loss; off makes it an error.
      ("row_security", "off"),
      ("TimeZone", "UTC"), ("bytea_output", "hex"), ("lc_monetary", "C"),
      ("client_encoding", encoding), ("search_path", ""),
      // Names and definitions as the catalogs' own functions write them must not depend on the database's
      // settings, and elements of arrays must not be read by them: NULL would become the text "NULL".
      ("quote_all_identifiers", "off"), ("array_nulls", "on"), ("transform_null_equals", "off"),
      ("xmloption", "content"),
    ]
    if serverMajor >= 17 { settings.append(("transaction_timeout", "0")) }
    let calls = settings.map { name, value in
      "pg_catalog.set_config(\(Self.quoteLiteral(name)), \(Self.quoteLiteral(value)), false)"
    }
    try execute("SELECT " + calls.joined(separator: ", "))
    // Known only to minor releases since August 2024 (CVE-2024-7348).
    try execute(
      """
      SELECT pg_catalog.set_config(name, 'view, foreign-table', false)
      FROM pg_catalog.pg_settings WHERE name = 'restrict_nonsystem_relation_kind'
      """)
  }
}
