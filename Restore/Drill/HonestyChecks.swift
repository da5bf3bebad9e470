// Would this drill have noticed damage? It is shown some.

import Format
import Repository

extension Drill {
  /// Demands that a byte changed in a copy of one blob makes the reader refuse it.
  func checkNegativeControl(_ sample: BlobID?) throws {
    guard options.negativeControl else {
      findings.notCovered("that damage would have been noticed (the negative control is off)")
      return
    }
    try findings.check(
      "honesty.negative-control", "Damage would have been noticed",
      expected: "a blob with one changed byte is refused"
    ) {
      guard let sample else {
        return Finding(.fail, "not made: no blob of the snapshot could be drawn")
      }
      var generator = SystemRandomNumberGenerator()
      let control = try repository.negativeControl(on: sample, using: &generator)
      guard control.servedCount > 0 else {
        return Finding(.fail, "the reader never read the changed byte (\(control.place))")
      }
      guard let refusal = control.refusal else {
        return Finding(
          .fail, "the changed blob was accepted: this program notices no damage",
          details: [control.place])
      }
      return .pass("refused: \(control.place) was changed, and the reader said '\(refusal)'")
    }
  }
}
