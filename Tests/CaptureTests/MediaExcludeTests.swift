// Patterns as gitignore(5) has them.

import Capture
import Testing

private func excludes(_ patterns: [String], _ path: String, isDirectory: Bool = false) throws
  -> Bool
{
  try ExcludeRules(patterns).excludes(
    path.split(separator: "/").map { Array($0.utf8) }, isDirectory: isDirectory)
}

@Suite struct `An exclude pattern` {
  @Test(arguments: [
    ("*.tmp", "a.tmp", true), ("*.tmp", "deep/er/a.tmp", true), ("*.tmp", "a.tmp.jpg", false),
    ("cache", "cache", true), ("cache", "x/cache", true), ("cache", "cached", false),
    ("/cache", "cache", true), ("/cache", "x/cache", false),
    ("a/b", "a/b", true), ("a/b", "x/a/b", false), ("a/*", "a/b", true), ("a/*", "a/b/c", false),
    ("a/**", "a/b/c", true), ("a/**", "a", false), ("**/b", "a/x/b", true), ("**/b", "b", true),
    ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true), ("a/**/b", "x/a/b", false),
    ("a**b", "axxb", true), ("a**b", "ax/xb", false),
    ("?", "a", true), ("?", "ab", false), ("[a-c]x", "bx", true), ("[a-c]x", "dx", false),
    ("[!a-c]x", "dx", true), ("[^a-c]x", "ax", false), ("[]x]", "]", true), ("[a-]", "-", true),
    ("[[:digit:]]*", "7up", true), ("[[:digit:]]*", "up", false), ("\\*", "*", true),
    ("\\*", "x", false), ("\\#x", "#x", true), ("\\!x", "!x", true),
    ("# comment", "# comment", false),
    ("x  ", "x", true), ("x\\ ", "x ", true), ("", "x", false), ("é*", "éa", true),
    ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
  ])
  func `matches what git would leave out`(pattern: String, path: String, isExcluded: Bool) throws {
    #expect(try excludes([pattern], path) == isExcluded)
  }

  @Test func `with a slash at its end is for directories`() throws {
    #expect(try excludes(["cache/"], "x/cache", isDirectory: true))
    #expect(try excludes(["cache/"], "x/cache") == false)
  }

  @Test func `that comes later decides`() throws {
    let patterns = ["*.jpg", "!keep.jpg", "bad/keep.jpg"]
    #expect(try excludes(patterns, "a.jpg"))
    #expect(try excludes(patterns, "keep.jpg") == false)
    #expect(try excludes(patterns, "bad/keep.jpg"))
  }

  @Test(arguments: ["[a", "a//b", "!", "/", "x\\", "[z-a]", "[[:nonsense:]]"])
  func `that could never match is refused`(pattern: String) {
    let error = #expect(throws: MediaError.self) { _ = try ExcludeRules([pattern]) }
    #expect(error?.code == .invalidExclude)
  }
}
