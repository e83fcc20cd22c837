fn main(){ let t=std::time::Instant::now(); let s=wardgate::policy::shipped(); let a=wardgate::policy::AppPolicies{app:"x".into(),level:3,..Default::default()}; println!("read {:?}",t.elapsed()); let set=wardgate::policy::compile(&s,&[a]).unwrap_or_else(|e|panic!("{e}")); println!("compiled {:?} rules {} mem {}",t.elapsed(),set.rules.len(),set.detectors.memory());
 let zh="今天的天气很好，我们一起去公园散步，看看花和树，然后回家做饭。"; let en="The quick brown fox jumps over the lazy dog and then it goes home to cook dinner for the family. ";
 let mut text=String::new(); let mut i=0; while text.len()<2048 { text.push_str(if i%2==0 {zh} else {en}); i+=1; }
 let d=set.detectors.clone(); let n=2000; let t=std::time::Instant::now(); let mut h=0; for _ in 0..n { h+=d.scan(&text).len(); } println!("scan {} B: {:?} per, {} hits", text.len(), t.elapsed()/n, h/n as usize);
 let en2=en.repeat(21); let t=std::time::Instant::now(); let mut h=0; for _ in 0..n { h+=d.scan(&en2).len(); } println!("scan en {} B: {:?} per, {} hits", en2.len(), t.elapsed()/n, h/n as usize);
 let zh2=zh.repeat(21); let t=std::time::Instant::now(); let mut h=0; for _ in 0..n { h+=d.scan(&zh2).len(); } println!("scan zh {} B: {:?} per, {} hits", zh2.len(), t.elapsed()/n, h/n as usize);
}
