// Byte counts as people read them.

import Operations
import Testing

@Suite struct `A byte count` {
  @Test(arguments: [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (102_348, "99.9 KiB"),
    (102_399, "100 KiB"), (1_048_063, "1023 KiB"), (1_048_064, "1.0 MiB"), (1_048_576, "1.0 MiB"),
    (327_155_712, "312 MiB"), (UInt64.max, "16.0 EiB"),
  ])
  func `is shown with three digits or so`(count: UInt64, text: String) {
    #expect(ByteText.format(count) == text)
  }

  @Test func `may be negative`() {
    #expect(ByteText.format(Int64(-2048)) == "-2.0 KiB")
    #expect(ByteText.format(Int64.min) == "-8.0 EiB")
  }

  @Test func `over time is a rate`() {
    #expect(ByteText.rate(10 << 20, seconds: 4) == "2.5 MiB/s")
    #expect(ByteText.rate(5, seconds: 0) == "-")
    #expect(ByteText.rate(5, seconds: .nan) == "-")
    #expect(ByteText.rate(.max, seconds: 1e-300).hasSuffix("/s"))
  }
}
