use wardgate::detect::Scanner; use std::sync::Arc;
fn main(){ let s=wardgate::policy::shipped(); let a=wardgate::policy::AppPolicies{app:"x".into(),level:1,..Default::default()}; let set=wardgate::policy::compile(&s,&[a]).unwrap_or_else(|e|panic!("{e}"));
 let mut sc=Scanner::new(Arc::clone(&set.detectors)); let mut h=vec![]; let mut n=0;
 let text="The little robot walked along the beach, counted shells and sang a quiet song for the crabs. It then asked its friend to help with dinner, because the family was hungry and the soup was not ready yet. 小机器人沿着沙滩散步，数着贝壳，唱了一首安静的歌。";
 for w in text.split_inclusive(' ') { sc.push(w,&mut h); n+=w.len(); println!("{:?} held {:?}", w, &text[sc.settled() as usize..n]); }
}
