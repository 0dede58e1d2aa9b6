pub struct Plan; pub struct RoundCensus; pub fn complete(){} pub fn orders(){} pub fn ring(){} pub fn run_rounds(){} pub fn starts(){}
