// Ordered parallel work: order, bounds, errors, cancellation.

import Foundation
import Synchronization
import Testing
import Workers

/// Numbers below `count`, one at a time, as a source that is called by one thread at a time.
private final class Source: Sendable {
  private let state: Mutex<(next: Int, busy: Bool)>
  private let count: Int
  private let overlapped = Counter()

  init(_ count: Int) {
    self.count = count
    state = Mutex((0, false))
  }

  var wasCalledTwiceAtOnce: Bool { overlapped.value > 0 }
  var taken: Int { state.withLock { $0.next } }

  func next() -> Int? {
    let entered = state.withLock { state in
      defer { state.busy = true }
      return state.busy
    }
    if entered { overlapped.add(1) }
    if Int.random(in: 0..<8) == 0 { Thread.sleep(forTimeInterval: 0.0001) }
    return state.withLock { state in
      state.busy = false
      guard state.next < count else { return nil }
      defer { state.next += 1 }
      return state.next
    }
  }
}

private final class Log: Sendable {
  private let values = Mutex<[Int]>([])
  func append(_ value: Int) { values.withLock { $0.append(value) } }
  var all: [Int] { values.withLock { $0 } }
}

/// A number that several threads change.
private final class Counter: Sendable {
  private let state = Atomic<Int>(0)
  @discardableResult
  func add(_ amount: Int) -> Int {
    state.wrappingAdd(amount, ordering: .sequentiallyConsistent).newValue
  }
  var value: Int { state.load(ordering: .sequentiallyConsistent) }
}

private struct Broken: Error, Equatable { var number: Int }

@Suite struct `Ordered parallel work` {
  @Test(arguments: [1, 2, 3, 8], [1, 4, 64])
  func `delivers every result in the order of the source`(workers: Int, window: Int) throws {
    let source = Source(300)
    let log = Log()
    let delivering = Counter()
    try orderedParallel(
      workers: workers, window: window, cancellation: Cancellation(), next: { source.next() },
      work: { number, worker in
        #expect((0..<workers).contains(worker))
        if Int.random(in: 0..<4) == 0 { Thread.sleep(forTimeInterval: 0.0005) }
        return number * 2
      },
      deliver: { result in
        #expect(delivering.add(1) == 1)
        log.append(result)
        delivering.add(-1)
      })
    #expect(log.all == (0..<300).map { $0 * 2 })
    #expect(!source.wasCalledTwiceAtOnce)
  }

  @Test(arguments: [1, 2, 7], [3, 10])
  func `takes no more items ahead of delivery than the window, even if delivery stalls`(
    workers: Int, window: Int
  ) throws {
    let source = Source(200)
    let delivered = Counter()
    let allowed = max(window, workers)
    try orderedParallel(
      workers: workers, window: window, cancellation: Cancellation(),
      next: {
        guard let number = source.next() else { return nil as Int? }
        // `number` is taken now; everything below `delivered` has left.
        #expect(number - delivered.value < allowed)
        return number
      },
      work: { number, _ in number },
      deliver: { number in
        if number % 50 == 0 { Thread.sleep(forTimeInterval: 0.02) }
        delivered.add(1)
      })
    #expect(delivered.value == 200)
  }

  @Test(arguments: [1, 4])
  func `of an empty source ends without a delivery`(workers: Int) throws {
    try orderedParallel(
      workers: workers, window: 4, cancellation: Cancellation(), next: { nil as Int? },
      work: { number, _ in number }, deliver: { _ in Issue.record("delivered nothing") })
  }

  @Test(arguments: [0, -3])
  func `with no worker asked for still has one`(workers: Int) throws {
    let source = Source(10)
    let log = Log()
    try orderedParallel(
      workers: workers, window: 0, cancellation: Cancellation(), next: { source.next() },
      work: { number, _ in number }, deliver: { log.append($0) })
    #expect(log.all == Array(0..<10))
  }

  @Test(arguments: [1, 2, 5])
  func `rethrows the error of the work after all threads ended, with nothing delivered past it`(
    workers: Int
  ) {
    let source = Source(1000)
    let log = Log()
    let running = Counter()
    #expect(throws: Broken(number: 100)) {
      try orderedParallel(
        workers: workers, window: 16, cancellation: Cancellation(), next: { source.next() },
        work: { number, _ in
          running.add(1)
          defer { running.add(-1) }
          if number == 100 { throw Broken(number: number) }
          return number
        }, deliver: { log.append($0) })
    }
    #expect(running.value == 0)
    #expect(log.all == Array(0..<log.all.count))
    #expect(log.all.count <= 100)
    #expect(source.taken <= 100 + 16 + workers)
  }

  @Test(arguments: [1, 3])
  func `rethrows the error of the source`(workers: Int) {
    let source = Source(50)
    #expect(throws: Broken(number: 20)) {
      try orderedParallel(
        workers: workers, window: 4, cancellation: Cancellation(),
        next: {
          guard let number = source.next() else { return nil as Int? }
          if number == 20 { throw Broken(number: 20) }
          return number
        }, work: { number, _ in number }, deliver: { _ in })
    }
  }

  @Test(arguments: [1, 3])
  func `rethrows the error of the delivery and delivers nothing after it`(workers: Int) {
    let source = Source(50)
    let log = Log()
    #expect(throws: Broken(number: 7)) {
      try orderedParallel(
        workers: workers, window: 4, cancellation: Cancellation(), next: { source.next() },
        work: { number, _ in number },
        deliver: { number in
          if number == 7 { throw Broken(number: 7) }
          log.append(number)
        })
    }
    #expect(log.all == Array(0..<7))
  }

  @Test func `rethrows one error where many are thrown at once`() {
    let source = Source(100)
    #expect(throws: Broken.self) {
      try orderedParallel(
        workers: 8, window: 8, cancellation: Cancellation(), next: { source.next() },
        work: { number, _ -> Int in throw Broken(number: number) },
        deliver: { _ in Issue.record("delivered a failure") })
    }
  }

  @Test(arguments: [1, 4])
  func `stops when it is cancelled, also while the window is full`(workers: Int) {
    let cancellation = Cancellation()
    let source = Source(.max)
    let log = Log()
    #expect(throws: Cancelled.self) {
      try orderedParallel(
        workers: workers, window: 4, cancellation: cancellation, next: { source.next() },
        work: { number, _ in number },
        deliver: { number in
          log.append(number)
          if number == 30 { cancellation.cancel() }
        })
    }
    #expect(log.all == Array(0..<log.all.count))
    #expect(log.all.count >= 31)
    #expect(cancellation.isCancelled)
  }

  @Test func `that was cancelled before takes nothing`() {
    let cancellation = Cancellation()
    cancellation.cancel()
    let source = Source(10)
    #expect(throws: Cancelled.self) {
      try orderedParallel(
        workers: 2, window: 2, cancellation: cancellation, next: { source.next() },
        work: { number, _ in number }, deliver: { _ in })
    }
    #expect(source.taken == 0)
  }

  @Test func `survives many short runs, half of which fail`() throws {
    for round in 0..<150 {
      let source = Source(round % 17)
      let log = Log()
      let fails = round % 2 == 0 && round % 17 > 5
      do {
        try orderedParallel(
          workers: round % 5 + 1, window: round % 7, cancellation: Cancellation(),
          next: { source.next() },
          work: { number, _ in
            if fails, number == 5 { throw Broken(number: number) }
            return number
          }, deliver: { log.append($0) })
        #expect(!fails)
        #expect(log.all == Array(0..<round % 17))
      } catch { #expect(fails) }
    }
  }
}
