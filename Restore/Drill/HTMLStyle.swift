// How the HTML report looks.

/// The style sheet of the page.
enum HTMLStyle {
  static let sheet = """

    :root {
      --ink: #1b2330; --soft: #5b6675; --line: #dfe4ea; --paper: #f5f6f8; --card: #ffffff;
      --pass: #1d7a46; --warnings: #96610a; --fail: #b3261e; --bar: #3b6ea8;
      --pass-tint: #e5f3ea; --warnings-tint: #fbf0da; --fail-tint: #fbe6e4;
      --mono: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ink: #e4e8ee; --soft: #98a3b3; --line: #2d3643; --paper: #12161c; --card: #1a2029;
        --pass: #5cc48a; --warnings: #e0ad55; --fail: #f0837b; --bar: #6b9fd8;
        --pass-tint: #173425; --warnings-tint: #3a2d12; --fail-tint: #401d1a;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; }
    body {
      margin: 0; background: var(--paper); color: var(--ink);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans",
        sans-serif;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
    }
    main, .inner, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
    .banner { color: #fff; padding: 2rem 0 1.9rem; }
    .banner.pass { background: #19693d; }
    .banner.warnings { background: #8a5a0b; }
    .banner.fail { background: #a3221b; }
    .banner p { margin: 0; }
    .kind { text-transform: uppercase; letter-spacing: .09em; font-size: .78rem; opacity: .85; }
    .banner h1 {
      margin: .3rem 0 .5rem; font-size: 2.1rem; line-height: 1.15; display: flex; gap: .8rem;
      align-items: center;
    }
    .sign {
      flex: none; width: 2.7rem; height: 2.7rem; border-radius: 50%; background: #ffffff2b;
      display: inline-grid; place-items: center; font-size: 1.5rem; font-weight: 700;
    }
    .summary { font-size: 1.08rem; max-width: 46rem; }
    .banner .subject { margin-top: .7rem; font-size: .88rem; opacity: .88; }
    section { margin: 2rem 0; }
    h2 { font-size: 1.12rem; margin: 0 0 .75rem; }
    .tiles {
      display: grid; gap: .9rem; grid-template-columns: repeat(auto-fit, minmax(13.5rem, 1fr));
      margin-top: 1.4rem;
    }
    .tile {
      background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
      padding: .95rem 1.1rem 1rem;
    }
    .tile h2 { margin: 0; font-size: .86rem; font-weight: 600; color: var(--soft); }
    abbr { text-decoration: none; font-weight: 400; }
    .figure { margin: .2rem 0 .3rem; font-size: 1.55rem; font-weight: 650; line-height: 1.2; }
    .tile.within .figure { color: var(--pass); }
    .tile.over .figure { color: var(--fail); }
    .note { margin: .35rem 0 0; color: var(--soft); font-size: .84rem; }
    .meter, .tally {
      margin: .5rem 0 0; height: .45rem; border-radius: 1rem; overflow: hidden; display: flex;
      background: var(--line);
    }
    .meter span, .tally span { display: block; height: 100%; background: var(--pass); }
    .tile.over .meter span { background: var(--fail); }
    .tally .warnings { background: var(--warnings); }
    .tally .fail { background: var(--fail); }
    .attention ul { list-style: none; margin: 0; padding: 0; }
    .attention li { padding: .55rem 0 .6rem; border-top: 1px solid var(--line); }
    .attention li:last-child { border-bottom: 1px solid var(--line); }
    .attention a { color: inherit; text-decoration: none; font-weight: 600; display: flex; gap: .55rem;
      align-items: baseline; }
    .attention a:hover > span:last-child { text-decoration: underline; }
    .attention p { margin: .15rem 0 0; color: var(--soft); }
    .phases {
      width: 100%; border-collapse: collapse; background: var(--card);
      border: 1px solid var(--line); border-radius: .6rem; border-spacing: 0; overflow: hidden;
    }
    .phases th { text-align: left; font-weight: 500; width: 15rem; }
    .phases th, .phases td { padding: .38rem .9rem; border-top: 1px solid var(--line); }
    .phases tr:first-child > * { border-top: 0; }
    .phases td { text-align: right; white-space: nowrap; width: 1%; }
    .phases .bar { width: auto; }
    .bar span { display: block; height: .8rem; border-radius: .2rem; background: var(--bar); }
    .phases .share { color: var(--soft); }
    .check {
      background: var(--card); border: 1px solid var(--line); border-left: .28rem solid var(--pass);
      border-radius: .35rem; padding: .6rem 1rem .7rem; margin: .5rem 0; break-inside: avoid;
    }
    .check.warnings { border-left-color: var(--warnings); }
    .check.fail { border-left-color: var(--fail); }
    .check h3 {
      margin: 0; font-size: .98rem; font-weight: 600; display: flex; gap: .55rem;
      align-items: baseline; flex-wrap: wrap;
    }
    .badge {
      font-size: .72rem; font-weight: 700; letter-spacing: .05em; text-transform: uppercase;
      padding: .06rem .45rem; border-radius: .25rem; background: var(--pass-tint);
      color: var(--pass); flex: none;
    }
    .warnings .badge { background: var(--warnings-tint); color: var(--warnings); }
    .fail .badge { background: var(--fail-tint); color: var(--fail); }
    .on { font: .84rem var(--mono); color: var(--soft); }
    .time { margin-left: auto; font-weight: 400; font-size: .84rem; color: var(--soft); }
    .check dl { margin: .35rem 0 0; display: grid; gap: .1rem 1.5rem; grid-template-columns: 1fr 1fr; }
    dt { color: var(--soft); font-size: .76rem; }
    dd { margin: 0; white-space: pre-line; font-size: .92rem; }
    .fail dl div:last-child dd { color: var(--fail); font-weight: 600; }
    .warnings dl div:last-child dd { color: var(--warnings); font-weight: 600; }
    .check ul {
      margin: .55rem 0 .1rem; padding: .5rem .8rem .5rem 1.8rem; border-radius: .3rem;
      background: var(--paper); font: .82rem/1.5 var(--mono); white-space: pre-wrap;
    }
    .gaps { margin: 0; padding-left: 1.2rem; }
    .gaps li { margin: .2rem 0; }
    .facts {
      margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
      padding: .5rem 1.1rem;
    }
    .facts div { display: flex; gap: 1rem; padding: .3rem 0; border-top: 1px solid var(--line); }
    .facts div:first-child { border-top: 0; }
    .facts dt { flex: 0 0 8rem; font-size: .88rem; }
    footer { padding-bottom: 3rem; color: var(--soft); font-size: .84rem; }
    @media (max-width: 36rem) {
      .check dl { grid-template-columns: 1fr; }
      .phases th { width: 35%; }
      .phases .bar { min-width: 5rem; }
      .phases .share { display: none; }
      .banner h1 { font-size: 1.6rem; }
    }
    @media print {
      :root {
        --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --card: #fff; --pass: #14532d;
        --warnings: #7a4d00; --fail: #8c1d18; --bar: #3b6ea8; --pass-tint: #e5f3ea;
        --warnings-tint: #fbf0da; --fail-tint: #fbe6e4;
      }
      * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
      body { font-size: 10.5pt; }
      .banner { padding: 1rem 0; }
      section { margin: 1.2rem 0; }
      .tile, .phases, .facts { break-inside: avoid; }
      h2 { break-after: avoid; }
      @page { margin: 14mm; }
    }

    """
}
