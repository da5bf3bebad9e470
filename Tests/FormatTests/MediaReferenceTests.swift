// Which values name which files.

import Format
import Testing

@Suite struct `A value that names a file` {
  @Test(arguments: [
    ("a.txt", "a.txt"), ("photos/2026/a.jpg", "photos/2026/a.jpg"), ("/a", "a"), ("a//b/", "a/b"),
    ("./a/./b", "a/b"), ("...", "..."), ("a..b", "a..b"), (" ", " "), ("é/ü", "é/ü"),
  ])
  func `is a path beneath the media folder`(value: String, path: String) {
    let key = MediaReference.key(of: value.utf8, in: "uploads")
    let expected =
      CatalogKey.media("uploads").bytes + [0]
      + path.split(separator: "/").map { Array($0.utf8) }.joined(separator: [0])
    #expect(key?.bytes == expected)
  }

  @Test(arguments: ["", "/", ".", "./", "..", "../a", "a/../b", "a/..", "a\u{0}b"])
  func `is none if it leads out of the folder or nowhere`(value: String) {
    #expect(MediaReference.key(of: value.utf8, in: "uploads") == nil)
  }
}
