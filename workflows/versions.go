package workflows

// Changes to released sagas stand here, newest last, each with the release that brought it. A change
// gets a name, a workflow.GetVersion call behind a function, and new recorded histories; the old
// histories must still replay.
//
//	func asksTwice(ctx workflow.Context) bool {
//		return workflow.GetVersion(ctx, "payment-asks-twice", workflow.DefaultVersion, 1) >= 1 // 0.2.0
//	}
//
// There are none yet.
