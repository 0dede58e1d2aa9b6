pub struct HistoryCensus; pub fn replay_histories(){} pub fn replay_trace(){}
